import type { MalformedId } from '@halligan/core'
import type { ParseRefusal } from '@halligan/ledger'
import { ofGrants } from './grant-refusals.ts'
import { type RefusalText, text } from './refusal-text.ts'

/** Said of the bytes of a request, before anything is stored. */
const ofBytes = {
  too_large: text(
    413,
    'The body is over the limit',
    'Send at most 64 KiB; a receipt with its texts, at most 2 MiB and with its length announced.',
  ),
  not_utf8: text(422, 'The body is not UTF-8', 'Send JSON in UTF-8.'),
  malformed_json: text(
    422,
    'The body is not JSON',
    'Send one JSON value (RFC 8259) and nothing else.',
  ),
  duplicate_key: text(422, 'An object holds one name twice', 'Send each name once.'),
  forbidden_key: text(
    422,
    'An object holds a name that reaches a prototype',
    'Leave out `__proto__`, `constructor` and `prototype`.',
  ),
  unsafe_number: text(
    422,
    'A number is not exactly representable',
    'Send integers between -(2^53 - 1) and 2^53 - 1.',
  ),
  lone_surrogate: text(
    422,
    'A string is not well-formed Unicode',
    'Send whole characters.',
  ),
  too_deep: text(422, 'The value is nested too deeply', 'Nest at most 32 levels.'),
  not_canonical: text(
    422,
    'Signed bytes are not canonical',
    'Sign the RFC 8785 form of the payload.',
  ),
  unsupported_media_type: text(
    415,
    'The body is not declared as JSON',
    'Send `content-type: application/json`.',
  ),
  malformed_request: text(
    422,
    'The request does not fit its schema',
    'See `issues`, and `/openapi.json` for what this route takes.',
  ),
  malformed_id: text(
    422,
    'An id is not in its canonical form',
    'Write ids in lower-case ASCII, like `ada` or `payments-db`.',
  ),
  idempotency_mismatch: text(
    422,
    "Idempotency-Key is not the act's digest",
    "Leave the header out, or send the act's own digest.",
  ),
} as const satisfies Record<MalformedId['code'] | ParseRefusal['code'], RefusalText> &
  Record<string, RefusalText>

/** Said of who is calling, and how often. */
const ofCallers = {
  not_found: text(404, 'There is no such resource', 'See `/openapi.json` for the routes.'),
  method_not_allowed: text(
    405,
    'The route does not take this method',
    'Use the methods in the `allow` header.',
  ),
  no_session: text(401, 'A session is needed', 'Sign a challenge: `halligan login`.'),
  session_expired: text(401, 'The session has ended', 'Sign a new challenge.'),
  bad_challenge: text(
    401,
    'The challenge is not ours, not yours, or too old',
    'Ask for a new challenge and sign it within two minutes.',
  ),
  bad_session_statement: text(
    401,
    'The session statement does not prove who is calling',
    'Sign the challenge with a key that the roster names for you.',
  ),
  not_allowed: text(
    403,
    'Policy does not permit this to you',
    'Ask someone who holds the role; see the reasons.',
  ),
  wrong_role: text(
    403,
    'This session is of the wrong kind for the route',
    'Use the session of a person or workload here, or of an enforcer there.',
  ),
  too_many_requests: text(
    429,
    'Too many requests of this caller',
    'Wait as long as `retry-after` says.',
  ),
  internal_error: text(
    500,
    'The server broke a promise of its own',
    'Send it again with the same act; tell the operator the `instance`.',
  ),
} as const satisfies Record<string, RefusalText>

/** Said of a signature, and of what it binds. */
const ofActs = {
  malformed_envelope: text(
    422,
    'This is not a signed envelope of the expected type',
    'Seal the payload as DSSE with the payload type of the route.',
  ),
  wrong_payload_type: text(
    422,
    'The envelope is of another type',
    'Sign with the payload type that the route expects.',
  ),
  bad_signature: text(
    401,
    'The signature does not verify',
    'Sign again with the key that `keyid` names.',
  ),
  unknown_key: text(
    401,
    'The roster does not know this key',
    'One that was only proposed counts once the trustees have taken it in: `halligan roster propose --accept PRINCIPAL=KEYID`. Otherwise use a key that the current roster names for you, or redeem an invitation.',
  ),
  unknown_principal: text(
    401,
    'The roster does not know this principal',
    'Ask for an invitation.',
  ),
  other_estate: text(403, 'This was signed for another estate', 'Sign it for this estate.'),
  malformed_act: text(
    422,
    'The act does not fit its verb',
    'Correct the field that `reason` names, then sign again.',
  ),
  wrong_verb: text(
    422,
    'The act is of another verb than the route',
    'Send each act to `/v1/acts/` and its own verb.',
  ),
  bad_nonce: text(
    403,
    'The nonce was not given for this act',
    'Prepare again, and sign the nonce that this server gives for it.',
  ),
  nonce_expired: text(
    403,
    'The nonce is too old',
    'Prepare again, and sign within five minutes.',
  ),
  act_not_fresh: text(
    403,
    'The activation was not signed just now',
    'Set the clock of your machine right, and sign again.',
  ),
  nonce_used: text(409, 'The nonce was used before', 'Prepare again for a new act.'),
  bad_commitment: text(
    422,
    'A text does not open its commitment',
    'Send the salt and the text that the signed commitment was made of.',
  ),
  missing_blob: text(
    422,
    'A commitment came without its text',
    'Send the text and its salt in `blobs`.',
  ),
  grant_exists: text(409, 'There is a grant with this id', 'Make a new random grant id.'),
  already_done: text(409, 'This was done before', 'Nothing is left to do.'),
} as const satisfies Record<string, RefusalText>

/** Said by policy, incidents, reviews and invitations. */
const ofPolicy = {
  unknown_entitlement: text(
    404,
    'The bundle in force has no such entitlement',
    'See what there is with `halligan check`.',
  ),
  life_out_of_range: text(
    422,
    'The life asked for is longer than the route allows',
    'Ask for at most `maxLifeSeconds`: `--life SECONDS`, or 15m, 1h.',
  ),
  malformed_incident: text(
    422,
    'The incident id is not in its canonical form',
    'Write it in lower-case ASCII, like `inc-42`.',
  ),
  recent_policy_author: text(
    403,
    'Who lately changed the policy in force may not use it yet',
    'Ask somebody else, or wait until the instant in `until`.',
  ),
  nobody_to_alert: text(
    409,
    'Solo access needs somebody to alert, and there is nobody',
    'Use the quorum route, or name owners and reviewers in `estate.yaml`.',
  ),
  facts_stale: text(503, 'The facts from outside are too old to rule on', 'Send it again.'),
  unknown_route: text(
    404,
    'The entitlement has no such route',
    'See its routes with `halligan check`.',
  ),
  no_policy: text(409, 'No bundle is in force', 'Apply one: `halligan policy apply`.'),
  bad_bundle: text(
    422,
    'The bundle does not load, or its tests fail',
    'See `problems` for file, line and reason; try `halligan policy check`.',
  ),
  unknown_bundle: text(404, 'No such bundle was proposed', 'Propose it first.'),
  bundle_in_force: text(409, 'This bundle is in force already', 'Nothing is left to do.'),
  cannot_reach_quorum: text(
    409,
    'Too few people besides you could approve this bundle',
    'Have somebody propose it who is not in the groups of `policyChange`, or who leaves enough of them.',
  ),
  unknown_system: text(
    404,
    'The bundle in force has no such system',
    'Write it as `estate.yaml` does, like one of `systems`.',
  ),
  unknown_incident: text(
    404,
    'There is no such incident',
    'See the open ones with `halligan incident list`.',
  ),
  incident_exists: text(409, 'There is an incident with this id', 'Choose another id.'),
  incident_closed: text(409, 'The incident is closed', 'Open another one.'),
  bad_webhook: text(
    401,
    'The webhook signature does not verify',
    'Sign as Standard Webhooks says, with the shared secret and a current timestamp.',
  ),
  bad_invitation: text(
    403,
    'The invitation is unknown, used, expired, or for someone else',
    'Ask for a new invitation.',
  ),
  not_sealed: text(
    404,
    'No credential is sealed for this target yet',
    "Wait for the enforcer's receipt: `halligan watch GRANT`.",
  ),
} as const satisfies Record<string, RefusalText>

/** Said of rosters and to enforcers. */
const ofTrust = {
  bad_roster: text(
    422,
    'This is not the next roster',
    'Sign the version after the latest, over its digest.',
  ),
  too_few_trustees: text(
    403,
    'Too few trustees of the version before have signed',
    'Collect signatures up to the threshold: `halligan roster sign`.',
  ),
  unknown_enforcer: text(
    401,
    'The roster does not know this enforcer',
    'Put its key into the roster first.',
  ),
  bad_receipt: text(
    422,
    'The receipt does not chain, or speaks of an order that is not its own',
    'Send the receipt that follows the last one acknowledged.',
  ),
  size_beyond_frontier: text(
    422,
    'The size asked for is beyond the frontier',
    'Ask for a size no larger than the checkpoint states.',
  ),
} as const satisfies Record<string, RefusalText>

/** Said by the writer. None of these consumes an idempotency key. */
const ofTheWriter = {
  journalled: text(
    503,
    'The log is contradicted, so this went to the journal instead',
    'Nothing is left to do here: what ends is carried out, and imported when the log is.',
  ),
  entry_too_large: text(
    422,
    'What would be recorded is over 16 KiB',
    'Ask for less in one act: fewer follow-ups, targets or systems.',
  ),
  outcome_unknown: text(
    503,
    'Whether this was recorded is not known yet',
    'Send the same act again: its digest finds the first result.',
  ),
  safe_mode: text(
    503,
    'The server is in SAFE MODE and opens nothing',
    'End access as usual; see `causes` and `halligan status`.',
  ),
  clock_unsafe: text(
    503,
    "The server's clock has jumped",
    'Wait until the clock check passes; ending goes on.',
  ),
} as const satisfies Record<string, RefusalText>

/** Every refusal there is. Codes are public API: never renamed; one section each in docs/refusals.md. */
export const refusals = {
  ...ofGrants,
  ...ofBytes,
  ...ofCallers,
  ...ofActs,
  ...ofPolicy,
  ...ofTrust,
  ...ofTheWriter,
} as const satisfies Record<string, RefusalText>

export type RefusalCode = keyof typeof refusals

export const refusalCodes = Object.keys(refusals) as readonly RefusalCode[]

export const isRefusalCode = (code: string): code is RefusalCode =>
  Object.hasOwn(refusals, code)
