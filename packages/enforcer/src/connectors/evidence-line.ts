/** One line, whatever the grantee wrote: no statement of theirs passes for another line of the evidence. */
export const oneLineOf = (text: string): string => JSON.stringify(text).slice(1, -1)

const longest = 10_000
/** Where servers, or their settings, do not agree about what is text. */
const ambiguous = /[\\`#]|--|\/\*/
const token =
  /([eE]?'(?:[^']|'')*'|"(?:[^"]|"")*"|\$((?:[A-Za-z_]\w*)?)\$[\s\S]*?\$\2\$)|[\p{L}_][\p{L}\w$]*|\s+|[\s\S]/gu

/**
 * Of a statement in SQL: passwords that a grantee typed are nobody's evidence. Only the text that comes right after the words that
 * announce a password is left out, and nothing of a statement of which one cannot be sure what is text in it: a grantee who writes
 * these words into a text must not hide what stands behind it.
 */
export function withoutPasswords(statement: string): string {
  if (statement.length > longest || ambiguous.test(statement)) return statement
  let before: Announcing = 'nothing'
  return statement.replaceAll(token, (text: string, literal: string | undefined) => {
    const isPassword = literal !== undefined && before === 'password'
    before = announcing(before, text, literal !== undefined)
    return isPassword ? '***' : text
  })
}

type Announcing = 'nothing' | 'identified' | 'password' | 'whose password'

/** `password`, `identified by` and `password for SOMEBODY =`, with `=`, a bracket and another `password` in between. */
function announcing(before: Announcing, text: string, isLiteral: boolean): Announcing {
  const word = text.toLowerCase()
  if (text.trim() === '') return before
  if (before === 'whose password')
    return text === '=' ? 'password' : text === ';' ? 'nothing' : before
  if (isLiteral) return 'nothing'
  if (word.endsWith('password')) return 'password'
  if (word === 'identified') return 'identified'
  if (before === 'identified' && word === 'by') return 'password'
  if (before === 'password' && (text === '=' || text === '(')) return 'password'
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
