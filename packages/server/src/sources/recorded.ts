import type { View } from '../store/port.ts'
import type { IncidentSource } from './port.ts'

/**
 * Incidents that the ledger holds because `name` told of them: `act` for those that a permitted
 * person opened, `webhook` for those of a signed webhook. The two differ in who may write.
 */
export const recordedSource = (
  name: 'act' | 'webhook',
  view: () => View,
): IncidentSource => ({
  name,
  read: async (id) => {
    const incident = view().incident(id)
    return incident?.source === name ? incident : null
  },
})
