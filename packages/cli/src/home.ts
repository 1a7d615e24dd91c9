import { mkdir, readFile, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Digest, ok, type PrincipalId, type Result } from '@halligan/core'
import type { Trust, TrustStore } from '@halligan/sdk'
import { writePrivately } from './key-file.ts'
import { type CliRefusal, usage } from './refusal.ts'

/** What a person's directory says of who they are and whom they trust. */
export type HomeConfig = Readonly<{
  principal: PrincipalId
  keyId: string
  /** Absent until the person has joined an estate. */
  server?: string
  estate?: string
  /** Pinned by the person, never taken from the server. */
  rosterDigest?: Digest
}>

export type Joined = Required<HomeConfig>

/** A person's directory, mode 0700: `config.json`, `key.age`, `trust.json`, `grants/<id>.age`. */
export class Home {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  static of(env: Readonly<Record<string, string | undefined>>): Home {
    return new Home(env.HALLIGAN_HOME ?? join(homedir(), '.halligan'))
  }

  get keyFile(): string {
    return join(this.folder, 'key.age')
  }

  /** A rotated key, waiting until the roster holds it. */
  get nextKeyFile(): string {
    return join(this.folder, 'next-key.age')
  }

  grantFile(grant: string): string {
    return join(this.folder, 'grants', `${grant}.age`)
  }

  async make(): Promise<void> {
    await mkdir(join(this.folder, 'grants'), { recursive: true, mode: 0o700 })
  }

  async config(): Promise<HomeConfig | null> {
    return (await readJson(join(this.folder, 'config.json'))) as HomeConfig | null
  }

  async saveConfig(config: HomeConfig): Promise<void> {
    await this.make()
    await writePrivately(join(this.folder, 'config.json'), pretty(config))
  }

  async joined(): Promise<Result<Joined, CliRefusal>> {
    const config = await this.config()
    if (config === null)
      return usage('not_logged_in', `${this.folder} holds no key`, 'halligan login')
    const { server, estate, rosterDigest } = config
    if (server === undefined || estate === undefined || rosterDigest === undefined)
      return usage(
        'no_trust',
        'this key has joined no estate yet',
        'halligan login --server URL --trust DIGEST',
      )
    return ok({ ...config, server, estate, rosterDigest })
  }

  async forgetGrantKey(grant: string): Promise<void> {
    await rm(this.grantFile(grant), { force: true })
  }

  /** Two commands at once may both learn something: the higher state is kept. */
  trust(joined: Joined): TrustStore {
    const path = join(this.folder, 'trust.json')
    const { estate, rosterDigest } = joined
    const load = async (): Promise<Trust> => {
      const kept = (await readJson(path)) as Trust | null
      return kept?.rosterDigest === rosterDigest && kept.estate === estate
        ? kept
        : { estate, rosterDigest, rosters: [], checkpoint: null }
    }
    const keep = async (trust: Trust) => {
      if (!isBehind(trust, await load())) await writePrivately(path, pretty(trust))
    }
    return { load, keep }
  }
}

function isBehind(trust: Trust, kept: Trust): boolean {
  if (trust.rosters.length !== kept.rosters.length)
    return trust.rosters.length < kept.rosters.length
  const [own, other] = [trust.checkpoint, kept.checkpoint]
  return own?.origin === other?.origin && (own?.size ?? 0) < (other?.size ?? 0)
}

const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  return text === null ? null : JSON.parse(text)
}
