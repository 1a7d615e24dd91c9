import type { Connection } from 'mysql2/promise'
import type { MariadbSettings } from '../src/connectors/mariadb-settings.ts'
import { accountGrantee } from './account-grantee.ts'
import { openMariadbLab } from './mariadb-lab.ts'

export const mariadbGrantee = (settings: Partial<MariadbSettings> = {}) =>
  accountGrantee(
    openMariadbLab,
    (lab, books) => lab.connector(books, settings),
    'role:billing_repair',
  )

export const isAlive = (db: Connection): Promise<boolean> =>
  db.query('select 1').then(
    () => true,
    () => false,
  )
