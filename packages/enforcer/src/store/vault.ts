import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { Decrypter, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { writePrivately } from '../config.ts'
import type { Vault } from './port.ts'

/**
 * One age file per account in a folder of its owner's alone. `identity.txt` opens them; whoever else shall be able to, offline,
 * stands in `recipients.txt`, one age recipient a line, and gets every secret from then on.
 */
export function openVault(folder: string): Vault {
  const pathOf = (target: string, account: string) =>
    join(folder, `${target}.${Buffer.from(account).toString('hex')}.age`)
  const read = async (path: string): Promise<string | null> => {
    if (!existsSync(path)) return null
    const decrypter = new Decrypter()
    decrypter.addIdentity(await identityIn(folder))
    return decrypter.decrypt(await readFile(path), 'text')
  }
  return {
    async secrets(target, account) {
      const path = pathOf(target, account)
      return { current: await read(path), proposed: await read(`${path}.proposed`) }
    },
    async propose(target, account, secret) {
      const encrypter = new Encrypter()
      for (const recipient of await recipientsIn(folder)) encrypter.addRecipient(recipient)
      await writeDurably(
        folder,
        `${pathOf(target, account)}.proposed`,
        await encrypter.encrypt(secret),
      )
    },
    async confirm(target, account) {
      const path = pathOf(target, account)
      if (!existsSync(`${path}.proposed`)) return
      await rename(`${path}.proposed`, path)
      await syncFolder(folder)
    },
  }
}

async function identityIn(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'identity.txt')
  if (!existsSync(path)) writePrivately(path, `${await generateIdentity()}\n`)
  return readFileSync(path, 'utf8').trim()
}

async function recipientsIn(folder: string): Promise<readonly string[]> {
  const own = await identityToRecipient(await identityIn(folder))
  const path = join(folder, 'recipients.txt')
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
  const others = lines.map((line) => line.trim()).filter((line) => !/^(#|$)/.test(line))
  return [own, ...others]
}

/** Whole or not at all, and on disk when it resolves. */
async function writeDurably(
  folder: string,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  await syncFolder(folder)
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
