/**
 * What was shown and done in recorded sessions. The recorder runs as the account that the grantee is: the grantee cannot read,
 * cut or delete what is written, but could stop the recorder, or write into the record itself. So this never claims to be
 * complete; it says how each session ended instead.
 *
 * @module
 */
import type { GrantId } from '@halligan/core'
import { visibly } from './evidence-line.ts'
import { askForLines } from './openssh-host.ts'
import type { OpensshHost, OpensshSettings } from './openssh-settings.ts'
import type { SessionEvidence } from './port.ts'

type Part = Readonly<{ name: string; size: number; read: number; text: string }>

const mostCharacters = 240_000
const mostCharactersOfTiming = 4_000

/** Null when no session of the grant was to be recorded. */
export async function evidenceOf(
  settings: OpensshSettings,
  grant: GrantId,
): Promise<SessionEvidence | null> {
  const perHost = await Promise.all(
    settings.hosts.map(async (host) => {
      const lines = await askForLines(settings, host, ['records', grant], '', 25_000)
      const more = lines.includes('more') ? [`${host.name} holds more than was read`] : []
      return [...told(host, partsIn(lines)), ...more]
    }),
  )
  const sections = perHost.flat()
  if (sections.length === 0) return null
  const text = [
    `The recorder runs as the account itself: its user could have stopped it, or added to what it wrote.`,
    ...sections,
  ].join('\n\n')
  const cut = text.length > mostCharacters ? '\nand more' : ''
  return {
    what: 'ssh_sessions',
    text: text.slice(0, mostCharacters) + cut,
    complete: false,
  }
}

const partsIn = (lines: readonly string[]): readonly Part[] =>
  lines.flatMap((line, index) => {
    const [, name, size] = /^record (\d+\.\d+(?:\.[a-z]+)?) (\d+)$/.exec(line) ?? []
    if (name === undefined) return []
    const bytes = Buffer.from(lines[index + 1] ?? '', 'base64')
    const text = bytes.toString('utf8')
    return [{ name, size: Number(size), read: bytes.length, text }]
  })

/** A connection that never began a session has an empty record, and is not told. */
function told({ name: host }: OpensshHost, parts: readonly Part[]): readonly string[] {
  const textOf = (name: string) => parts.find((part) => part.name === name)?.text ?? ''
  return parts
    .filter(({ name, text }) => /^\d+\.\d+$/.test(name) && text !== '')
    .map(({ name, size, read, text }) => {
      const begun = count(text, 'begin')
      const open = begun - count(text, 'end')
      const head = [
        `${host}, connection ${name}: ${begun} sessions`,
        open === 0 ? '' : `, ${open} of them without an end, as when the grant ended them`,
        read < size ? `, the last ${read} of ${size} bytes` : '',
      ].join('')
      const [input, timing] = [textOf(`${name}.input`), textOf(`${name}.timing`)]
      return [
        head,
        visibly(text),
        ...(input === '' ? [] : [`read from its input:\n${visibly(input)}`]),
        ...(timing === ''
          ? []
          : [
              `seconds and bytes of the output at terminals:\n${timing.trim().replaceAll('\n', '; ').slice(0, mostCharactersOfTiming)}`,
            ]),
      ].join('\n')
    })
}

const count = (text: string, mark: string): number =>
  text.split(new RegExp(`^halligan: ${mark} `, 'm')).length - 1
