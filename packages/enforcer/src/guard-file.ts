import type { Guard, RouteName, TargetGuard } from '@halligan/core'
import { isSlug } from '@halligan/core'
import { parse } from 'yaml'
import {
  BadSettings,
  isCount,
  isRecord,
  isText,
  isTexts,
  perhaps,
  strictFields,
} from './strict-fields.ts'

const routeNames: readonly RouteName[] = ['quorum', 'solo', 'timed', 'escrow', 'offline']

/**
 * guard.yaml: what this enforcer will ever open, whatever any server says (PROTOCOL 1). Mandatory, and strict to the letter.
 * Throws {@link BadSettings}.
 */
export function parseGuard(text: string): Guard {
  const { enforcer, targets } = strictFields('guard', readYaml(text), {
    enforcer: isId,
    targets: isRecord,
  })
  const guarded = Object.entries(targets as Readonly<Record<string, unknown>>)
  return {
    enforcer: String(enforcer),
    targets: Object.fromEntries(
      guarded.map(([name, value]) => [name, parseTarget(name, value)]),
    ),
  }
}

function parseTarget(name: string, value: unknown): TargetGuard {
  const where = `guard.targets.${name}`
  if (!isId(name)) throw new BadSettings(`${where}: not the id of a target`)
  const fields = strictFields(where, value, {
    entitlements: isTexts,
    privileges: isTexts,
    routes: isRecord,
    approverGroup: isId,
    maxLifeSeconds: isCount(1),
    owners: isTexts,
  })
  const routes = strictFields(
    `${where}.routes`,
    fields.routes,
    Object.fromEntries(routeNames.map((route) => [route, perhaps(isRecord)])),
  )
  for (const [route, demands] of Object.entries(routes))
    strictFields(`${where}.routes.${route}`, demands, {
      // A quorum of nobody is the solo route, and that is only open where it is written.
      minApprovals: isCount(route === 'quorum' ? 1 : 0),
    })
  // Every field was just checked.
  return fields as TargetGuard
}

/** YAML 1.2 without aliases: what a reviewer reads is what there is. Duplicate keys are refused by the parser. */
function readYaml(text: string): unknown {
  try {
    return parse(text, { version: '1.2', strict: true, maxAliasCount: 0 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BadSettings(`guard.yaml: ${reason}`, { cause })
  }
}

const isId = (value: unknown): boolean => isText(value) && isSlug(String(value))
