const routeTerms = {
  name: 'quorum',
  approvals: 0,
  groups: ['payments-leads'],
  maxLifeSeconds: 3600,
  approvalSeconds: 900,
  activationSeconds: 600,
  reviewSeconds: 86_400,
} as const

/** As a policy engine would rule, were there one. */
export const ruling = {
  bundleDigest: `sha256:${'0'.repeat(64)}`,
  engine: 'paper',
  facts: {
    asOf: 1_800_000_000_000,
    requester: { person: 'ada', kind: 'human', groups: [], onCallFor: [] },
    entitlement: 'payments-db-repair',
    system: 'payments-db',
    lifeSeconds: 900,
    incident: { known: true, open: true, severity: 2, ageSeconds: 1, affectsSystem: true },
    time: { zone: 'UTC', weekday: 1, minuteOfDay: 0 },
    stepUp: {
      kind: 'device_key',
      ageSeconds: 0,
      userVerified: false,
      hardwareBound: false,
    },
    reviews: { open: 0, overdue: 0 },
    uses: { ofEntitlementIn30Days: 0, byPersonIn30Days: 0 },
    activeOrPending: { count: 0, totalSeconds: 0, onSystem: 0 },
    ownerKnown: true,
    approversEligible: 1,
    recentPolicyAuthor: false,
  },
  open: [routeTerms],
  closed: [],
} as const

/** What of it the ledger keeps beside the route. */
export const ruled = {
  bundleDigest: ruling.bundleDigest,
  engine: ruling.engine,
  open: ['quorum'],
  closed: [],
}
