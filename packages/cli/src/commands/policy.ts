import type { Digest } from '@halligan/core'
import { digestOf, isDigest } from '@halligan/ledger'
import { nodeCrypto } from '@halligan/ledger/node'
import {
  type BundleFiles,
  type BundleProblem,
  checkBundle,
  type Estate,
  isUnjudged,
  loadBundle,
  testBundle,
} from '@halligan/policy'
import { readBundleFolder } from '@halligan/policy/node'
import { Command } from 'commander'
import { act, type Common, type Outcome, type Run, shown } from '../command.ts'
import { openDesk, sign } from '../desk.ts'
import { counted } from '../display/counted.ts'
import { fromNow } from '../display/duration.ts'
import { table } from '../display/table.ts'
import { visible } from '../display/visible.ts'
import { exitCode } from '../exit-code.ts'
import type { Machine } from '../machine.ts'
import { usage } from '../refusal.ts'

export const policyCommand = (run: Run): Command =>
  new Command('policy')
    .description('the bundle that says who may do what')
    .addCommand(
      onFolder(
        run,
        'check',
        'parse, schema, owners, reachability, privileges, tests',
        check,
      ),
    )
    .addCommand(onFolder(run, 'test', "the bundle's own tests", test))
    .addCommand(
      onFolder(
        run,
        'apply',
        'propose the bundle; it applies once enough people approve',
        apply,
      ),
    )
    .addCommand(
      new Command('approve')
        .description('approve a proposed bundle')
        .argument('<bundle>', 'its folder, as you read it; or its digest')
        .action(
          act<Common>(run, (options, [bundle = '']) =>
            approve(run.machine, bundle, options),
          ),
        ),
    )
    .addCommand(
      new Command('changes')
        .description('bundles proposed lately')
        .action(act<Common>(run, () => changes(run.machine))),
    )

type OnFolder = Readonly<{ folder: string }> & Common

const onFolder = (
  run: Run,
  name: string,
  description: string,
  work: (machine: Machine, files: BundleFiles, options: OnFolder) => Promise<Outcome>,
): Command =>
  new Command(name)
    .description(description)
    .argument('<folder>', 'the bundle')
    .action(
      act<Common>(run, async (options, [folder = '']) => {
        const files = readFolder(folder)
        return files === null
          ? usage('no_bundle', `${folder} cannot be read whole`, 'name a bundle folder')
          : work(run.machine, files, { ...options, folder })
      }),
    )

function readFolder(folder: string): BundleFiles | null {
  try {
    return readBundleFolder(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}

async function check(
  _: Machine,
  files: BundleFiles,
  { folder }: OnFolder,
): Promise<Outcome> {
  const checked = checkBundle(nodeCrypto, files)
  if (!checked.ok) return problems(checked.error)
  const { digest, estate, trials } = checked.value
  const cases = trials.reduce((count, { cases }) => count + cases.length, 0)
  const unjudged = unjudgedIn(estate)
  const said = [
    `Sound: ${counted(Object.keys(estate.entitlements).length, 'entitlement')}, ${counted(cases, 'test')} passed.`,
    ...(unjudged.length === 0
      ? []
      : [
          `Not judged here, for their names say nothing: ${unjudged.join(', ')}. Next, at their enforcers: halligan enforcer check`,
        ]),
    `Next: halligan policy apply ${folder}`,
  ]
  return shown({ digest, problems: [], unjudged }, digest, said.join('\n'))
}

/** Privileges that may or may not be endable: what they mean stands at their target or their enforcer. */
const unjudgedIn = ({ entitlements }: Estate): readonly string[] => {
  const privileges = Object.values(entitlements)
    .filter(({ unendable }) => unendable !== true)
    .flatMap(({ targets }) => targets.flatMap(({ privileges }) => privileges))
  return [...new Set(privileges)].filter(isUnjudged).sort()
}

async function test(_: Machine, files: BundleFiles): Promise<Outcome> {
  const bundle = loadBundle(nodeCrypto, files)
  if (!bundle.ok) return problems(bundle.error)
  const results = testBundle(bundle.value)
  const rows = results.map(({ ok, file, name, detail }) => [
    ok ? 'ok' : 'FAILED',
    visible(file),
    visible(name),
    visible(detail),
  ])
  const failed = results.filter(({ ok }) => !ok).length
  return {
    ok: true,
    value: {
      json: { results },
      text: table(['', 'FILE', 'TEST', ''], rows),
      words: `${counted(results.length, 'test')}, ${failed} failed.`,
      code: failed === 0 ? exitCode.ok : exitCode.refused,
    },
  }
}

const problems = (found: readonly BundleProblem[]): Outcome => ({
  ok: true,
  value: {
    json: { problems: found },
    text: found
      .map(({ file, line, reason }) => `${visible(file)}:${line}: ${visible(reason)}`)
      .join('\n'),
    words: `${counted(found.length, 'problem')}. Nothing was applied.`,
    code: exitCode.refused,
  },
})

async function apply(
  machine: Machine,
  files: BundleFiles,
  options: Common,
): Promise<Outcome> {
  const checked = checkBundle(nodeCrypto, files)
  if (!checked.ok) return problems(checked.error)
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const prepared = await desk.value.client.prepare({ verb: 'propose_policy' })
  if (!prepared.ok) return prepared
  const bundleDigest = digestOf(nodeCrypto, files)
  const { nonce } = prepared.value
  const accepted = await sign(
    desk.value,
    { verb: 'propose_policy', nonce, body: { bundleDigest }, bundle: files },
    options,
  )
  if (!accepted.ok) return accepted
  return shown(
    { bundleDigest },
    bundleDigest,
    `Proposed. Next, each approver: halligan policy approve ${bundleDigest}`,
  )
}

/** With a folder, the digest is computed from the very files that the approver read. */
async function approve(
  machine: Machine,
  bundle: string,
  options: Common,
): Promise<Outcome> {
  const files = isDigest(bundle) ? null : readFolder(bundle)
  const digest = files === null ? bundle : digestOf(nodeCrypto, files)
  if (!isDigest(digest))
    return usage('no_bundle', `${bundle} is no bundle`, 'halligan policy changes')
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const prepared = await desk.value.client.prepare({ verb: 'approve_policy' })
  if (!prepared.ok) return prepared
  const body: { bundleDigest: Digest } = { bundleDigest: digest }
  const { nonce } = prepared.value
  const accepted = await sign(desk.value, { verb: 'approve_policy', nonce, body }, options)
  if (!accepted.ok) return accepted
  const applied = accepted.value.entries.some(({ kind }) => kind === 'policy_applied')
  return shown(
    { bundleDigest: digest, applied },
    digest,
    applied
      ? 'Approved and in force.'
      : `Your approval counts; more are needed, its author's aside. Next, another approver: halligan policy approve ${digest}`,
  )
}

async function changes(machine: Machine): Promise<Outcome> {
  const desk = await openDesk(machine)
  if (!desk.ok) return desk
  const answer = await desk.value.client.call('policy_changes')
  if (!answer.ok) return answer
  const rows = answer.value.changes.map((change) => [
    change.bundleDigest,
    visible(change.proposedBy),
    fromNow(change.proposedAt, machine.now()),
    change.approvers.map(visible).join(', '),
    change.appliedAt === null ? 'waiting' : 'applied',
  ])
  const headings = ['BUNDLE', 'PROPOSED BY', 'WHEN', 'APPROVED BY', '']
  return shown(answer.value, table(headings, rows))
}
