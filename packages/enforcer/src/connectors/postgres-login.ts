import type pg from 'pg'
import type { Credential } from './port.ts'
import { clientConfig, type PostgresSettings } from './postgres-settings.ts'

/** In libpq's own names, so that `psql` needs nothing but this environment. */
export function credentialOf(
  settings: PostgresSettings,
  user: string,
  password: string,
): Credential {
  const { host, port, database = '', ssl } = loginConfig(settings, user, password)
  return {
    PGHOST: settings.reach?.host ?? host ?? '',
    PGPORT: String(settings.reach?.port ?? port),
    PGDATABASE: database,
    PGUSER: user,
    PGPASSWORD: password,
    PGSSLMODE: ssl === false ? 'prefer' : 'verify-full',
  }
}

/** As the connector itself connects, but as this user and with nothing of its session's settings. */
export const loginConfig = (
  settings: PostgresSettings,
  user: string,
  password: string,
): pg.ClientConfig => {
  const { options: _, ...config } = clientConfig(settings)
  return { ...config, user, password }
}
