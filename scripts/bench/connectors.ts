import { whyNoLinuxHost } from '../../packages/cli/src/estate/linux-host.ts'
import {
  type BenchTarget,
  benchConnector,
} from '../../packages/enforcer/bench/connector-bench.ts'
import { ldapTarget } from '../../packages/enforcer/bench/ldap-target.ts'
import { linuxTarget } from '../../packages/enforcer/bench/linux-target.ts'
import { mariadbTarget } from '../../packages/enforcer/bench/mariadb-target.ts'
import { opensshTarget } from '../../packages/enforcer/bench/openssh-target.ts'
import { postgresTarget } from '../../packages/enforcer/bench/postgres-target.ts'
import { redisTarget } from '../../packages/enforcer/bench/redis-target.ts'
import { webhookTarget } from '../../packages/enforcer/bench/webhook-target.ts'
import { openLdapLab } from '../../packages/enforcer/test/ldap-lab.ts'
import { openLinuxLab } from '../../packages/enforcer/test/linux-lab.ts'
import { openMariadbLab } from '../../packages/enforcer/test/mariadb-lab.ts'
import { openOpensshLab } from '../../packages/enforcer/test/openssh-lab.ts'
import { openPostgresLab } from '../../packages/enforcer/test/postgres-lab.ts'
import { openRedisLab } from '../../packages/enforcer/test/redis-lab.ts'
import { openWebhookLab } from '../../packages/enforcer/test/webhook-lab.ts'
import { isInstalled, type RealServerName } from '../real-servers.ts'
import { type Figure, figure, quantile } from './figure.ts'

/** A connector's real server, started for the benchmark and taken down after it. */
type Contender = Readonly<{
  /** In words why this machine cannot; null when it can. */
  whyNot(): string | null
  open(): Promise<Readonly<{ at: BenchTarget; remove(): Promise<void> }>>
}>

function contender<L extends Readonly<{ remove(): Promise<void> }>>(
  needs: RealServerName | null,
  open: () => Promise<L>,
  target: (lab: L) => BenchTarget,
  whyNot: () => string | null = () => null,
): Contender {
  const isMissing = () => needs !== null && !isInstalled(needs)
  return {
    whyNot: () => (isMissing() ? `${needs} is not installed` : whyNot()),
    async open() {
      const lab = await open()
      return { at: target(lab), remove: () => lab.remove() }
    },
  }
}

const contenders: Readonly<Record<string, Contender>> = {
  postgres: contender(null, () => openPostgresLab(null), postgresTarget),
  mariadb: contender('MariaDB', () => openMariadbLab(), mariadbTarget),
  redis: contender('Redis', () => openRedisLab(), redisTarget),
  openssh: contender('OpenSSH', () => openOpensshLab(), opensshTarget, whyNoLinuxHost),
  ldap: contender('OpenLDAP', () => openLdapLab(), ldapTarget),
  linux: contender('sudo', () => openLinuxLab(), linuxTarget, whyNoLinuxHost),
  webhook: contender(null, () => openWebhookLab(), webhookTarget),
}

/** Every connector at its real server, one after the other. Whatever is not installed is said and left out. */
export async function* connectorFigures(
  grants: number,
  say: (words: string) => void,
): AsyncGenerator<Figure> {
  for (const [kind, { whyNot, open }] of Object.entries(contenders)) {
    const why = whyNot()
    say(`connector ${kind}${why === null ? '' : ` left out: ${why}`}`)
    if (why !== null) continue
    const { at, remove } = await open()
    try {
      yield* figuresOf(await benchConnector(at, grants))
    } finally {
      await remove()
    }
  }
}

const shares = [
  ['median', 0.5],
  ['p99', 0.99],
] as const

function* figuresOf(bench: Awaited<ReturnType<typeof benchConnector>>): Generator<Figure> {
  const { kind, grants, bareOpens, bareEnds } = bench
  const all = [
    [
      'decision_to_applied',
      bench.decisionToApplied,
      'opening by the bare client',
      bareOpens,
    ],
    ['due_to_attempt', bench.dueToAttempt, 'ending by the bare client', bareEnds],
    ['due_to_probed_absent', bench.dueToAbsent, 'ending by the bare client', bareEnds],
  ] as const
  for (const [name, millis, of, bare] of all)
    for (const [word, share] of shares) {
      const baseline = { of: `${of}, ${word}`, value: quantile(bare, share) }
      const value = quantile(millis, share)
      yield figure(`${name}_${word}`, 'ms', value, baseline, { connector: kind, grants })
    }
}
