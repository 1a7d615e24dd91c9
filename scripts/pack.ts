/**
 * `prepack` and `postpack` of the published packages. Sources run unbuilt in the workspace, but Node strips no types
 * inside `node_modules`: so packing emits JavaScript and declarations into `dist/` and points
 * `exports` and `bin` there, and afterwards puts package.json back as it was.
 *
 *     node scripts/pack.ts before|after    (in the package's folder)
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const kept = '.package.json.kept'

type Manifest = Readonly<
  Record<string, unknown> & {
    exports: Record<string, string>
    bin?: Record<string, string>
  }
>

function before(): void {
  if (existsSync(kept)) after()
  rmSync('dist', { recursive: true, force: true })
  writeFileSync('.tsconfig.pack.json', JSON.stringify(compilerOptions))
  try {
    execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', '.tsconfig.pack.json'], {
      stdio: ['ignore', 2, 2],
    })
  } finally {
    rmSync('.tsconfig.pack.json')
  }
  builtBin()
  copyFileSync('package.json', kept)
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest
  writeFileSync('package.json', `${JSON.stringify(published(manifest), null, 2)}\n`)
}

const compilerOptions = {
  extends: join(root, 'tsconfig.json'),
  compilerOptions: {
    noEmit: false,
    declaration: true,
    rewriteRelativeImportExtensions: true,
    rootDir: 'src',
    outDir: 'dist',
  },
  include: ['src'],
  exclude: ['**/*.test.ts', '**/*.contract.ts'],
}

function published(manifest: Manifest): object {
  const exports = Object.fromEntries(
    Object.entries(manifest.exports).map(([name, source]) => [name, built(source)]),
  )
  const bin = Object.fromEntries(
    Object.entries(manifest.bin ?? {}).map(([name, file]) => [name, `dist/${file}`]),
  )
  return {
    ...manifest,
    exports,
    bin,
    files: ['dist', 'example', 'host', 'migrations', 'sql'],
  }
}

/** The programs in `bin/` start sources; their copies in `dist/bin/` start what was built. */
function builtBin(): void {
  if (!existsSync('bin')) return
  mkdirSync('dist/bin', { recursive: true })
  for (const file of readdirSync('bin')) {
    const program = readFileSync(join('bin', file), 'utf8')
    const built = program.replace(/'\.\.\/src\/([^']+)\.ts'/g, "'../$1.js'")
    writeFileSync(join('dist', 'bin', file), built, { mode: 0o755 })
  }
}

/** What stands in `bin/` is JavaScript already, without declarations. */
const built = (source: string) => {
  if (source.startsWith('./bin/')) return source.replace('./bin/', './dist/bin/')
  const base = source.replace('./src/', './dist/').replace(/\.ts$/, '')
  return { types: `${base}.d.ts`, default: `${base}.js` }
}

function after(): void {
  if (existsSync(kept)) renameSync(kept, 'package.json')
}

if (process.argv[2] === 'before') before()
else after()
