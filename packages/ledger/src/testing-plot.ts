import type {
  Act,
  ActOf,
  Beacon,
  Decision,
  Envelope,
  Facts,
  Guard,
  OpenOrder,
  ReceiptDetail,
  Roster,
  Terms,
} from '@halligan/core'
import type { Signer } from './crypto.ts'
import type { Entry } from './entry.ts'
import type { Evidence, Situation, Trust } from './evidence.ts'
import type { MemoryLog } from './testing-estate.ts'

/** One thing that is not as it should be. Each member gets what is good and returns what is used instead. */
export type Plot = Readonly<
  Partial<{
    terms(good: Terms): Terms
    facts: Facts
    approvers: readonly string[]
    request(good: ActOf<'request'>): Act
    approval(good: ActOf<'approve'>, index: number): Act
    activate(good: ActOf<'activate'>): Act
    decision(good: Decision): Decision
    order(good: OpenOrder): OpenOrder
    beacon(good: Beacon): Beacon
    report(good: ReceiptDetail): ReceiptDetail
    reviewer: string
    /** What the reviewer was shown of the entries so far. */
    shown(all: readonly Entry[]): readonly Entry[]
    /** Who signs in the name of `name`. */
    signer(name: string): Signer
    /** How a statement is sealed, for wrong types and strange bytes. */
    seal(name: 'act' | 'decision' | 'order' | 'beacon', good: Envelope): Envelope
    /** When an entry of this kind is written, in seconds after the start. */
    entryAt(kind: string, good: number): number
    roster: Roster
    rosters: readonly Envelope[]
  }>
>

export type Story = Readonly<{
  log: MemoryLog
  rosters: readonly Envelope[]
  evidence: Evidence
  trust: Trust
  guard: Guard
  situation: Situation
  decision: Decision
  order: OpenOrder
  orderIndex: number
}>
