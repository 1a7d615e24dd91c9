import { randomBytes } from 'node:crypto'

/** 256 random bits in printable ASCII: too many for a plain hash to be a weakness. */
export const newPassword = (): string => randomBytes(32).toString('base64url')
