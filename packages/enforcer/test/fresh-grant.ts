import type { GrantId } from '@halligan/core'

let grants = 0

/** Ids of no other test. */
export function freshGrant(): GrantId {
  grants += 1
  const seed = BigInt(process.pid) * 1_000_000n + BigInt(grants)
  const digits = [...seed.toString(32)].map((digit) =>
    'abcdefghijklmnopqrstuvwxyz234567'.charAt(Number.parseInt(digit, 32)),
  )
  return `g-${digits.join('').padStart(26, 'a')}` as GrantId
}
