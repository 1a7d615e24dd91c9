import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { link, open, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { BadSettings } from '../strict-fields.ts'
import type { Vault } from './port.ts'

/**
 * One age file per account in a folder of its owner's alone. `identity.txt` opens them; whoever else shall be able to, offline,
 * stands in `recipients.txt`, one age recipient a line, and gets every secret from then on.
 */
export function openVault(folder: string): Vault {
  const pathOf = (target: string, account: string) =>
    join(folder, `${target}.${nameOf(account)}.age`)
  const opened = async (path: string): Promise<Read> => {
    if (!existsSync(path)) return { secret: null, unreadable: [] }
    const identity = await identityIn(folder)
    try {
      const decrypter = new Decrypter()
      decrypter.addIdentity(identity)
      return {
        secret: await decrypter.decrypt(await readFile(path), 'text'),
        unreadable: [],
      }
    } catch (error) {
      return { secret: null, unreadable: [whatToDo(basename(path), error)] }
    }
  }
  return {
    async secrets(target, account) {
      const path = pathOf(target, account)
      const earlier: string[] = []
      for (const each of earlierAt(path)) {
        const { secret } = await opened(each)
        if (secret !== null) earlier.push(secret)
      }
      const [current, proposed] = [await opened(path), await opened(`${path}.proposed`)]
      return {
        ...{ current: current.secret, proposed: proposed.secret, earlier },
        unreadable: [...current.unreadable, ...proposed.unreadable],
      }
    },
    async propose(target, account, secret) {
      const encrypter = new Encrypter()
      for (const recipient of await recipientsIn(folder)) addRecipient(encrypter, recipient)
      const path = pathOf(target, account)
      const sealed = await encrypter.encrypt(secret)
      const draft = await writeDraft(`${path}.proposed`, sealed)
      // Beside it, not away: at no moment is the last proposal missing.
      if (existsSync(`${path}.proposed`)) await link(`${path}.proposed`, nextEarlier(path))
      await rename(draft, `${path}.proposed`)
      await syncFolder(folder)
    },
    async confirm(target, account) {
      const path = pathOf(target, account)
      if (!existsSync(`${path}.proposed`)) return
      await rename(`${path}.proposed`, path)
      await syncFolder(folder)
      for (const each of earlierAt(path)) await rm(each)
    },
    async withdraw(target, account) {
      const path = pathOf(target, account)
      const before = earlierAt(path).at(-1)
      await (before === undefined
        ? rm(`${path}.proposed`, { force: true })
        : rename(before, `${path}.proposed`))
      if (existsSync(folder)) await syncFolder(folder)
    },
  }
}

type Read = Readonly<{ secret: string | null; unreadable: readonly string[] }>

/** The reason comes last: where a text is cut, what to do is still there. */
const whatToDo = (file: string, error: unknown): string =>
  `the vault cannot read ${file}: put it or its identity.txt back, or move it away and rotate` +
  ` (${error instanceof Error ? error.message : String(error)})`

/** Proposals that others came after, oldest first: `….age.proposed.1` and so on. */
function earlierAt(path: string): readonly string[] {
  if (!existsSync(dirname(path))) return []
  const prefix = `${basename(path)}.proposed.`
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => join(dirname(path), name))
    .toSorted((one, other) => numberOf(one) - numberOf(other))
}

const nextEarlier = (path: string): string =>
  `${path}.proposed.${Math.max(0, ...earlierAt(path).map(numberOf)) + 1}`

const numberOf = (path: string): number => Number(path.slice(path.lastIndexOf('.') + 1))

/** Throws with the reason when secrets could not be sealed to all who are to open them. Changes nothing. */
export function checkVault(folder: string): void {
  if (!existsSync(folder)) return
  demandPrivate(folder, 0o077)
  const identity = join(folder, 'identity.txt')
  if (existsSync(identity)) demandPrivate(identity, 0o077)
  for (const recipient of othersIn(folder)) addRecipient(new Encrypter(), recipient)
}

const mostNameBytes = 100

/** No account's name is ever a path; one that is too long for a file's name goes by its digest. */
function nameOf(account: string): string {
  const bytes = Buffer.from(account)
  if (bytes.length <= mostNameBytes) return bytes.toString('hex')
  return `sha256-${createHash('sha256').update(bytes).digest('hex')}`
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient)
  } catch (cause) {
    throw new BadSettings(
      `recipients.txt: ${recipient.slice(0, 20)}… is no age recipient`,
      { cause },
    )
  }
}

/**
 * Made once, whole or not at all: of several that make one at the same time, one is linked into its place, and all use that. Throws
 * when anybody but the owner could read it, and never makes another in its stead.
 */
async function identityIn(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  demandPrivate(folder, 0o077)
  const path = join(folder, 'identity.txt')
  if (!existsSync(path)) {
    const draft = `${path}.${randomUUID()}`
    await writeDurably(folder, draft, `${await generateIdentity()}\n`)
    await link(draft, path).catch((error: unknown) => {
      if (!existsSync(path)) throw error
    })
    await rm(draft)
    await syncFolder(folder)
  }
  demandPrivate(path, 0o077)
  return readFileSync(path, 'utf8').trim()
}

function demandPrivate(path: string, forbidden: number): void {
  if ((statSync(path).mode & forbidden) === 0) return
  const how = forbidden === 0o077 ? 'read' : 'changed'
  throw new BadSettings(`${path} can be ${how} by others`)
}

const recipientsIn = async (folder: string): Promise<readonly string[]> => [
  await identityToRecipient(await identityIn(folder)),
  ...othersIn(folder),
]

function othersIn(folder: string): readonly string[] {
  const path = join(folder, 'recipients.txt')
  if (!existsSync(path)) return []
  // Whoever can write here is given every secret from then on.
  demandPrivate(path, 0o022)
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.map((line) => line.trim()).filter((line) => !/^(#|$)/.test(line))
}

/** Whole or not at all, and on disk when it resolves. */
async function writeDurably(
  folder: string,
  path: string,
  bytes: Uint8Array | string,
): Promise<void> {
  await rename(await writeDraft(path, bytes), path)
  await syncFolder(folder)
}

/** On disk when it resolves, under the name that is answered: what is at `path` is still there. */
async function writeDraft(path: string, bytes: Uint8Array | string): Promise<string> {
  const draft = `${path}.new`
  const file = await open(draft, 'w', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  return draft
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
