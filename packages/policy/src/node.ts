import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BundleFiles } from './bundle.ts'

export class UnreadableBundle extends Error {
  override readonly name = 'UnreadableBundle'
  readonly code = 'unreadable_bundle'
}

/**
 * The files of the bundle in `folder`, without README.md and what begins with a dot. Throws when the
 * folder cannot be read whole: a bundle with a file missing is another bundle (PO-14).
 */
export function readBundleFolder(folder: string): BundleFiles {
  const paths = readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name).slice(join(folder, '/').length)
      if (!entry.isFile())
        throw new UnreadableBundle(`${path} in ${folder} is no plain file`)
      return path.replaceAll('\\', '/')
    })
    .filter(
      (path) =>
        path !== 'README.md' && !path.split('/').some((part) => part.startsWith('.')),
    )
    .sort()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  return Object.fromEntries(
    paths.map((path) => [path, decoder.decode(readFileSync(join(folder, path)))]),
  )
}
