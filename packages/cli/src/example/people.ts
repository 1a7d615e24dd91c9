import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Finished, Programs } from './programs.ts'

/** Who is in the example estate, and what for. */
export const people = {
  ada: 'on call; asks',
  bob: 'approves; owns the payments database; trustee',
  cy: 'approves; security; trustee',
  dee: 'reviews; security; trustee',
  robo: "ada's agent; may ask, never approve",
} as const

export type Name = keyof typeof people
export const names = Object.keys(people) as readonly Name[]
export const trustees = ['bob', 'cy', 'dee'] as const satisfies readonly Name[]
export const threshold = 2

/** One person's directory, and every command of theirs as a process of its own. */
export class Person {
  readonly name: Name
  readonly home: string
  readonly #programs: Programs

  constructor(name: Name, folder: string, programs: Programs) {
    this.name = name
    this.home = join(folder, name)
    this.#programs = programs
  }

  get passphraseFile(): string {
    return join(this.home, 'passphrase')
  }

  get publicFile(): string {
    return join(this.home, 'public.json')
  }

  /** Runs `halligan` as this person. */
  run(...args: readonly string[]): Promise<Finished> {
    return this.#programs.run('halligan', args, {
      HALLIGAN_HOME: this.home,
      HALLIGAN_PASSPHRASE_FILE: this.passphraseFile,
    })
  }

  /** Makes directory, passphrase and key. In a real estate nobody keeps a passphrase beside its key. */
  async makeKey(): Promise<void> {
    if (existsSync(this.publicFile)) return
    await mkdir(this.home, { recursive: true, mode: 0o700 })
    const passphrase = randomBytes(18).toString('base64url')
    await writeFile(this.passphraseFile, `${passphrase}\n`, { mode: 0o600 })
    const { name, publicFile } = this
    const lines = [
      `export HALLIGAN_HOME=${quoted(this.home)}\n`,
      `export HALLIGAN_PASSPHRASE_FILE=${quoted(this.passphraseFile)}\n`,
      // Every command prints the next one as `halligan …`, to be pasted as it is.
      ...(commandFolder === null ? [] : [onPath(commandFolder)]),
    ]
    await writeFile(join(this.home, 'env'), lines.join(''), { mode: 0o600 })
    mustHold(await this.run('login', '--principal', name, '--new-key', publicFile))
  }

  async publicKey(): Promise<string> {
    const { pub } = JSON.parse(await readFile(this.publicFile, 'utf8'))
    return String(pub)
  }
}

/** Where npm put `halligan`, when this is a clone. */
const binFolder = fileURLToPath(new URL('../../../../node_modules/.bin', import.meta.url))
const commandFolder = existsSync(join(binFolder, 'halligan')) ? binFolder : null

/** Once, however often the file is read. */
const onPath = (folder: string): string =>
  `case ":$PATH:" in *${quoted(`:${folder}:`)}*) ;; *) export PATH=${quoted(folder)}:"$PATH" ;; esac\n`

/** One word of a POSIX shell, whatever the path holds. */
const quoted = (path: string): string => `'${path.replaceAll("'", "'\\''")}'`

/** The process's data, if it succeeded. Throws with its own words otherwise. */
export function mustHold({ code, stdout, stderr }: Finished): string {
  if (code !== 0) throw new Error(`it ended with ${code}:\n${stderr}${stdout}`)
  return stdout.trim()
}
