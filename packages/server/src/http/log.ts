import { type DestinationStream, type Logger, pino } from 'pino'

/** Names whose values never reach a log line, at the top and one level down (CF-04, INV-20). */
const secrets = [
  'authorization',
  'bundle',
  'code',
  'cookie',
  'jwe',
  'key',
  'keys',
  'passphrase',
  'password',
  'salt',
  'secret',
  'seed',
  'seeds',
  'session',
  'text',
  'token',
]

/** Credentials inside a URL or DSN, wherever they are quoted. */
const inUrl = /([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi
/** A bearer, and a Standard Webhooks secret. */
const bare = /(\bBearer\s+)[\w.~+/=-]+|\bwhsec_[\w+/=-]+/g

export const redacted = (text: string): string =>
  text.replace(inUrl, '$1[redacted]@').replace(bare, '$1[redacted]')

/** Structured lines on `to` (standard error by default), without secrets. */
export function createLog(level: string, to?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: secrets.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      censor: '[redacted]',
    },
    serializers: { err: safeError },
    hooks: {
      streamWrite: redacted,
    },
  }
  return pino(options, to ?? pino.destination(2))
}

/** An error's name, message and stack; never the fields that libraries hang on it. */
function safeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: redacted(String(error)) }
  const { name, message, stack, cause } = error
  return {
    name,
    message: redacted(message),
    stack: redacted(stack ?? ''),
    ...(cause === undefined ? {} : { cause: safeError(cause) }),
  }
}
