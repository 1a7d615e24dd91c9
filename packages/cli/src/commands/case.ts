import { readFile, writeFile } from 'node:fs/promises'
import { parseGrantId } from '@halligan/core'
import { type CaseReport, isDigest, verifyCaseFile } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { openDesk } from '../desk.ts'
import { table } from '../display/table.ts'
import { visible } from '../display/visible.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { usage } from '../refusal.ts'
import { type Replayed, replayCase } from '../replay-case.ts'

type Exporting = Readonly<{ out?: string }> & Common
type Verifying = Readonly<{ trust?: string }> & Common

export const caseCommand = (run: Run): Command =>
  new Command('case')
    .description('everything needed to verify one emergency, in one file')
    .addCommand(exportCommand(run))
    .addCommand(verifyCommand(run))

const exportCommand = (run: Run): Command =>
  new Command('export')
    .description('write the case file of a grant')
    .argument('<grant>', 'the grant, e.g. g-…')
    .option('--out <file>', 'where; GRANT.case.json otherwise')
    .action(
      act<Exporting>(run, async (options, [text]) => {
        const id = parseGrantId(text ?? '')
        if (!id.ok) return usage('malformed_grant', `${text} is not a grant id`, '')
        const desk = await openDesk(run.machine)
        if (!desk.ok) return desk
        const bytes = await desk.value.client.caseFile(id.value)
        if (!bytes.ok) return bytes
        const file = options.out ?? `${id.value}.case.json`
        await writeFile(file, bytes.value)
        const { rosterDigest } = desk.value.joined
        return shown(
          { file, bytes: bytes.value.length },
          file,
          `Next, anywhere: halligan case verify ${file} --trust ${rosterDigest}`,
        )
      }),
    )

const verifyCommand = (run: Run): Command =>
  new Command('verify')
    .description(
      'prove a case file, offline; exits 0 proven, 1 failed, 2 trusted by nobody',
    )
    .argument('<file>', 'the case file')
    .option('--trust <digest>', 'the roster digest that you trust, from people')
    .action(
      act<Verifying>(run, async ({ trust }, [file = '']) => {
        if (trust !== undefined && !isDigest(trust))
          return usage('malformed_digest', `${trust} is not a digest`, '--trust sha256:…')
        const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
          if (error.code !== undefined) return null
          throw error
        })
        if (bytes === null) return usage('no_file', `${file} cannot be read`, '')
        const report = verifyCaseFile(nodeCrypto, new Uint8Array(bytes), trust ?? null)
        return verdict(report, replayCase(new Uint8Array(bytes), report))
      }),
    )

const codes = {
  proven: exitCode.ok,
  failed: exitCode.refused,
  untrusted: exitCode.usage,
} as const satisfies Record<CaseReport['verdict'], ExitCode>

function verdict(report: CaseReport, replayed: Replayed): Outcome {
  const rows = report.members.map(({ name, ok, detail }) => [
    ok ? 'ok' : 'FAILED',
    visible(name),
    visible(detail),
  ])
  const failures = report.failures.map(
    ({ where, code, detail }) =>
      `  ${visible(where)}: ${visible(code)}: ${visible(detail)}`,
  )
  const lines = [
    ...(report.drill ? ['DRILL: a rehearsal, marked so in the ledger'] : []),
    table(
      ['', 'MEMBER', ''],
      [...rows, [replayed.mark, 'ruling', visible(replayed.detail)]],
    ),
    ...failures,
    words[report.verdict],
  ]
  const { grant: _, ...rest } = report
  return {
    ok: true,
    value: {
      json: { ...rest, ruling: replayed },
      text: lines.join('\n'),
      code:
        replayed.differs && report.verdict === 'proven'
          ? exitCode.refused
          : codes[report.verdict],
    },
  }
}

const words = {
  proven: 'proven: every member follows from the roster that you trust',
  failed: 'FAILED: this file does not prove what it says',
  untrusted: 'consistent, trusted by nobody: give --trust DIGEST, from people',
} as const satisfies Record<CaseReport['verdict'], string>
