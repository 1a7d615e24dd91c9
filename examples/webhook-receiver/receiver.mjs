/**
 * A receiver for Halligan's webhook connector, in plain JavaScript: it governs the logins of a small web page.
 *
 *     SECRET=whsec_... node receiver.mjs users.json
 *
 * POST takes the enforcer's signed calls (docs/connectors/webhook.md); GET is the page, behind HTTP Basic.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'

const file = process.argv[2] ?? 'users.json'
const key = Buffer.from(String(process.env.SECRET).replace(/^whsec_/, ''), 'base64')
const leaseSeconds = Number(process.env.LEASE_SECONDS ?? 15)
const seen = new Map()
let lease = { token: null, until: 0 }

/** `{NAME: {password, until, grants?, ended?}}`, on disk before an answer leaves. Who was ended is remembered for ten minutes. */
const users = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {})
function change(name, user) {
  const all = Object.entries({ ...users(), [name]: user })
  const isOld = (name, ended) =>
    name.startsWith('halligan_g_') && Date.now() - ended > 600_000
  const kept = all.filter(([name, { ended }]) => !isOld(name, ended))
  writeFileSync(`${file}.new`, JSON.stringify(Object.fromEntries(kept)), { flush: true })
  renameSync(`${file}.new`, file)
}
const ownName = (grant) => grant.replace('g-', 'halligan_g_')
/** Where the grant is in: a login of its own, or an account that several grants of one person may have. */
const nameOf = (grant) =>
  Object.entries(users()).find(([, user]) => user.grants?.includes(grant))?.[0] ??
  ownName(grant)
const isIn = (user) =>
  user !== undefined && user.ended === undefined && Date.now() < user.until
const isHeldBy = (token) => lease.token === token && Date.now() < lease.until
const ok = (body = {}) => ({ status: 200, body })
const refuse = (code) => ({ status: 409, body: { code } })

const calls = {
  open({ lease: token }) {
    if (!isHeldBy(token) && Date.now() < lease.until) return refuse('taken')
    lease = { token, until: Date.now() + leaseSeconds * 1000 }
    return ok({ leaseSeconds })
  },
  close({ lease: token }) {
    if (isHeldBy(token)) lease = { token: null, until: 0 }
    return ok()
  },
  apply({ lease: token, grant, privileges, applyBefore, deadline, secret }) {
    const account = privileges.find((one) => one.startsWith('account:'))?.slice(8)
    const name = account ?? ownName(grant)
    if (!isHeldBy(token)) return refuse('lease_lost')
    if (Date.now() >= applyBefore) calls.revoke({ grant })
    if (Date.now() >= applyBefore) return ok({ outcome: 'too_late', now: Date.now() })
    if (users()[ownName(grant)]?.ended !== undefined) return refuse('ended')
    const before = (users()[name]?.grants ?? []).filter((other) => other !== grant)
    const until = before.length > 0 ? Math.max(users()[name].until, deadline) : deadline
    change(name, { password: secret, until, grants: [...before, grant] })
    return ok({ outcome: 'applied', credential: { USER: name, PASSWORD: secret } })
  },
  reseal({ lease: token, grant, secret }) {
    const name = nameOf(grant)
    if (!isHeldBy(token)) return refuse('lease_lost')
    if (!isIn(users()[name])) return refuse('not_standing')
    change(name, { ...users()[name], password: secret })
    return ok({ credential: { USER: name, PASSWORD: secret } })
  },
  probe({ grant }) {
    const user = users()[nameOf(grant)]
    const absent = user === undefined || user.ended !== undefined
    return ok({ present: isIn(user), probes: [{ probe: 'user', absent }], now: Date.now() })
  },
  revoke({ grant }) {
    const name = nameOf(grant)
    const grants = users()[name]?.grants?.filter((other) => other !== grant) ?? []
    if (name !== ownName(grant))
      change(name, grants.length > 0 ? { ...users()[name], grants } : { ended: Date.now() })
    change(ownName(grant), { ended: Date.now() })
    return ok()
  },
  rotate({ account, secret }) {
    const { password: old } = users()[account]
    change(account, { password: secret, until: 32_503_680_000_000 })
    const { password: now } = users()[account]
    const probes = [
      { probe: 'old_secret', absent: old !== now },
      { probe: 'new_secret_refused', absent: now === secret },
    ]
    return ok({ present: false, probes, now: Date.now() })
  },
  cleanup: () => ok(),
  snapshot() {
    const names = Object.keys(users()).filter((name) => !name.startsWith(ownName('g-')))
    return ok({ objects: names.map((name) => `user ${name}`) })
  },
  standing: () =>
    ok({
      grants: Object.values(users()).flatMap((user) => (isIn(user) && user.grants) || []),
    }),
}

/** Standard Webhooks 1.0: HMAC-SHA-256 of `id.timestamp.body`, at most five minutes old, and each id once. */
function isSigned({ headers }, body) {
  const {
    'webhook-id': id,
    'webhook-timestamp': at,
    'webhook-signature': given = '',
  } = headers
  if (!(Math.abs(Date.now() / 1000 - Number(at)) < 300) || seen.has(id)) return false
  const wanted = Buffer.from(
    `v1,${createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')}`,
  )
  const isRight = given
    .split(' ')
    .map((one) => Buffer.from(one))
    .some((one) => one.length === wanted.length && timingSafeEqual(one, wanted))
  if (isRight) setTimeout(() => seen.delete(id), 600_000, seen.set(id)).unref()
  return isRight
}

/** In a time that says nothing of how much of it was right. */
const digest = (text) => createHmac('sha256', key).update(text).digest()
const isSame = (one, other) => timingSafeEqual(digest(one), digest(other))

function page({ headers }) {
  const basic = Buffer.from(String(headers.authorization).replace(/^Basic /, ''), 'base64')
  const [name, ...rest] = basic.toString().split(':')
  const user = Object.hasOwn(users(), name) ? users()[name] : undefined
  const isWelcome = isIn(user) && isSame(user.password, rest.join(':'))
  return isWelcome ? ok({ hello: name }) : { status: 401, body: { code: 'unauthorised' } }
}

function answerTo(request, text) {
  if (request.method === 'GET') return page(request)
  if (!isSigned(request, text)) return { status: 401, body: { code: 'unsigned' } }
  const asked = JSON.parse(text)
  return Object.hasOwn(calls, asked.call)
    ? calls[asked.call](asked)
    : refuse('unknown_call')
}

const server = createServer(async (request, response) => {
  let text = ''
  for await (const chunk of request) text += chunk
  const { status, body } = answerTo(request, text)
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify(body))
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () =>
  console.log(JSON.stringify({ ready: true, port: server.address().port })),
)
