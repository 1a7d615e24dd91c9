/**
 * Text from elsewhere, made safe to judge. What a person reads before signing must be all there is:
 * nothing may hide, reorder, erase or overprint (RQ-10, AP-14).
 *
 * @module
 */

/** Controls, format and bidi marks, unassigned and private characters, surrogates, line separators. */
const hidden = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u
/** Every space but the ordinary one: look-alikes of it, of each other, or of nothing. */
const oddSpace = /(?! )\p{Zs}/u
const mark = /\p{M}/u
const rightToLeft =
  /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u

/** Marks stacked beyond this can paint over the lines above and below. */
const marksInARow = 2

/**
 * `text` with everything unseen written out: `\n`, `\t`, `\r`, and `\u{202e}` for the rest. A backslash doubles,
 * so two texts never look the same. Right-to-left writing stands inside a bidi isolate (Unicode UAX #9).
 */
export function visible(text: string): string {
  let marks = 0
  let shown = ''
  for (const character of text) {
    marks = mark.test(character) ? marks + 1 : 0
    shown += marks > marksInARow ? escaped(character) : visibleCharacter(character)
  }
  if (shown.endsWith(' ')) shown = `${shown.slice(0, -1)}${escaped(' ')}`
  return rightToLeft.test(shown) ? `\u2068${shown}\u2069` : shown
}

/** For names, which are ASCII by rule: a look-alike from another script is written out as well. */
export const visibleName = (name: string): string =>
  [...visible(name)]
    .map((character) =>
      character >= ' ' && character <= '~' ? character : escaped(character),
    )
    .join('')

function visibleCharacter(character: string): string {
  if (character === '\\') return '\\\\'
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  if (character === '\t') return '\\t'
  if (hidden.test(character) || oddSpace.test(character)) return escaped(character)
  return character
}

const escaped = (character: string): string =>
  `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
