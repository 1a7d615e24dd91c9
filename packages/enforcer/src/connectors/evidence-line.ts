/** One line, whatever the grantee wrote: no statement of theirs passes for another line of the evidence. */
export const oneLineOf = (text: string): string => JSON.stringify(text).slice(1, -1)

/** Whose rules say what is text in a statement. */
export type Sql = 'postgres' | 'mariadb'

const longest = 10_000
/** Where servers, or their settings, do not agree about what is text. */
const ambiguous = /[\\`#]|--|\/\*/
const texts = `(?:[eE]|[uU]&)?'(?:[^']|'')*'|"(?:[^"]|"")*"`
const letter = String.raw`A-Za-z_\u0080-\u{10ffff}`
/** Only what the server itself takes for a space: to it, all that is not ASCII are letters. */
const space = String.raw`[ \t\n\v\f\r]+`
const dollars = String.raw`(\$(?:[${letter}][${letter}\d]*)?\$)[\s\S]*?\2`

const tokens: Readonly<Record<Sql, RegExp>> = {
  postgres: new RegExp(
    String.raw`(${texts}|${dollars})|[${letter}][${letter}\d$]*|${space}|[\s\S]`,
    'gu',
  ),
  mariadb: new RegExp(
    String.raw`(${texts})|[${letter}$][${letter}\d$]*|${space}|[\s\S]`,
    'gu',
  ),
}

/**
 * Of a statement as the server logs it: passwords that a grantee typed are nobody's evidence. Only the text that comes right after the
 * words that announce a password is left out, in statements that set one and run no text; and nothing of a statement of which one
 * cannot be sure what is text in it: a grantee who writes these words elsewhere must not hide what was done.
 */
export function withoutPasswords(statement: string, sql: Sql): string {
  if (statement.length > longest || ambiguous.test(statement)) return statement
  const isOurs = sql === 'mariadb' || !statement.startsWith('execute ')
  let isSure = true
  let at: Place = beginning
  const told = statement.replaceAll(
    tokens[sql],
    (text: string, literal: string | undefined) => {
      if (literal !== undefined && !isOurs && literal.includes(': ')) isSure = false
      const isPassword = literal !== undefined && at.after === 'password'
      at = placeAfter(at, text, literal !== undefined)
      return isPassword ? '***' : text
    },
  )
  // The name of a prepared statement is the grantee's, and stands before ': ': what it begins as text must have ended by then.
  return isSure ? told : statement
}

type Announcing =
  | 'nothing'
  | 'part of a name'
  | 'identified'
  | 'password'
  | 'whose password'

/** `head`: how the statement begins. */
type Place = Readonly<{ head: readonly string[]; after: Announcing }>

const beginning: Place = { head: [], after: 'nothing' }
const longestHead = 4
const setsPasswords =
  /^((create|alter)( or replace)? (user|role|group|server)|grant|set password|change master)\b/

function placeAfter(at: Place, text: string, isLiteral: boolean): Place {
  if (text.trim() === '') return at
  if (text === ';' || text === ':') return beginning
  const word = text.toLowerCase()
  const head = at.head.length < longestHead ? [...at.head, word] : at.head
  const isSetting = setsPasswords.test(head.join(' '))
  return { head, after: isSetting ? announcing(at.after, word, isLiteral) : 'nothing' }
}

/** `password`, `identified by` and `password for SOMEBODY =`, with `=`, a bracket and another `password` in between. */
function announcing(before: Announcing, word: string, isLiteral: boolean): Announcing {
  if (before === 'whose password') return word === '=' ? 'password' : before
  if (word === '.' || word === '@') return 'part of a name'
  if (isLiteral || before === 'part of a name') return 'nothing'
  if (word === 'password' || word === 'master_password') return 'password'
  if (word === 'identified') return 'identified'
  if (before === 'identified' && word === 'by') return 'password'
  if (before === 'password' && (word === '=' || word === '(')) return 'password'
  return before === 'password' && word === 'for' ? 'whose password' : 'nothing'
}

/** Whatever a terminal would act on is shown instead, so that nothing hides itself from who reads it. */
export const visibly = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replace(
      /(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu,
      (each) => `\\x${each.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )
