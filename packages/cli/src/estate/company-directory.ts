/**
 * The directory of the example estate: a small company, what its connector and its prober are, and the access rules that
 * docs/connectors/ldap.md recommends. The tests run on the same.
 *
 * @module
 */

export const suffix = 'dc=example,dc=org'
export const dns = {
  person: (uid: string) => `uid=${uid},ou=people,${suffix}`,
  group: (cn: string) => `cn=${cn},ou=groups,${suffix}`,
  connector: `cn=halligan-connector,ou=services,${suffix}`,
  prober: `cn=halligan-prober,ou=services,${suffix}`,
  emergency: `uid=emergency,ou=shared,${suffix}`,
  lock: `cn=lock,ou=halligan,${suffix}`,
  container: `ou=grants,ou=halligan,${suffix}`,
  data: `cn=ledger,ou=data,${suffix}`,
} as const

export const modules = ['memberof', 'accesslog'] as const

/** As recommended in `docs/connectors/ldap.md`. */
export const accessRules: readonly string[] = [
  `access to dn.children="${dns.container}" attrs=userPassword by dn.exact="${dns.connector}" write by anonymous auth by * none`,
  `access to dn.children="${dns.container}" by dn.exact="${dns.connector}" write by dn.exact="${dns.prober}" read by * none`,
  `access to dn.exact="${dns.container}" attrs=children by dn.exact="${dns.connector}" write by dn.exact="${dns.prober}" read`,
  `access to dn.exact="${dns.lock}" by dn.exact="${dns.connector}" write by dn.exact="${dns.prober}" read by * none`,
  `access to dn.exact="ou=halligan,${suffix}" attrs=children by dn.exact="${dns.connector}" write by dn.exact="${dns.prober}" read`,
  `access to dn.exact="${dns.emergency}" attrs=userPassword by dn.exact="${dns.connector}" write by anonymous auth by * none`,
  ...['repair', 'admins'].map(
    (cn) =>
      `access to dn.exact="${dns.group(cn)}" attrs=member by dn.exact="${dns.connector}" write by users read`,
  ),
  ...[dns.connector, dns.prober].map(
    (dn) => `access to dn.exact="${dn}" attrs=userPassword by anonymous auth by * none`,
  ),
]

export const ofTheCompany = [
  'access to attrs=userPassword by self write by anonymous auth by * none',
  `access to dn.subtree="ou=data,${suffix}" by group.exact="${dns.group('repair')}" write by group.exact="${dns.group('admins')}" write by dn.exact="${dns.prober}" read by * none`,
  'access to * by users read',
]

const entry = (dn: string, ...lines: readonly string[]): string =>
  [`dn: ${dn}`, ...lines, '', ''].join('\n')

const person = (uid: string, dn = dns.person(uid)): string =>
  entry(
    dn,
    'objectClass: inetOrgPerson',
    `uid: ${uid}`,
    `cn: ${uid}`,
    `sn: ${uid}`,
    `userPassword: ${uid}`,
  )

const service = (dn: string, cn: string): string =>
  entry(
    dn,
    'objectClass: applicationProcess',
    'objectClass: simpleSecurityObject',
    `cn: ${cn}`,
    `userPassword: ${cn}`,
  )

const unit = (ou: string, above = suffix): string =>
  entry(`ou=${ou},${above}`, 'objectClass: organizationalUnit', `ou: ${ou}`)

const group = (cn: string, ...members: readonly string[]): string =>
  entry(
    dns.group(cn),
    'objectClass: groupOfNames',
    `cn: ${cn}`,
    ...members.map((member) => `member: ${member}`),
  )

export const content = [
  entry(suffix, 'objectClass: domain', 'dc: example'),
  ...['people', 'groups', 'services', 'shared', 'halligan', 'data', 'policies'].map((ou) =>
    unit(ou),
  ),
  unit('grants', `ou=halligan,${suffix}`),
  ...['ada', 'bob', 'cy', 'mallory'].map((uid) => person(uid)),
  person('emergency', dns.emergency),
  service(dns.connector, 'halligan-connector'),
  service(dns.prober, 'halligan-prober'),
  group('repair', dns.person('cy')),
  group('admins', dns.person('cy')),
  group('others', dns.person('cy')),
  entry(dns.data, 'objectClass: device', 'cn: ledger', 'description: balance 0'),
  entry(
    `cn=default,ou=policies,${suffix}`,
    'objectClass: device',
    'objectClass: pwdPolicy',
    'cn: default',
    'pwdAttribute: userPassword',
    'pwdLockout: TRUE',
  ),
].join('')
