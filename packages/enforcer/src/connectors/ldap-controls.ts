/**
 * Controls that ldapts does not bring: assertion (RFC 4528), post-read (RFC 4527), and OpenLDAP's no-op, which does all that
 * an operation does but keep it.
 *
 * @module
 */
import { type BerReader, BerWriter, Control, type Filter } from 'ldapts'

export const oids = {
  assertion: '1.3.6.1.1.12',
  postRead: '1.3.6.1.1.13.2',
  noOp: '1.3.6.1.4.1.4203.666.5.2',
} as const

const octetString = 4

/** Critical always: a server that does not know it must refuse the operation, not do it without. */
class Critical extends Control {
  readonly #value: Buffer | null
  constructor(oid: string, value: Buffer | null) {
    super(oid, { critical: true })
    this.#value = value
  }
  override writeControl(writer: BerWriter): void {
    if (this.#value !== null) writer.writeBuffer(this.#value, octetString)
  }
}

/** The operation is done only where the entry that it is done to matches. Otherwise `assertionFailed`. */
export function onlyIf(filter: Filter): Control {
  const writer = new BerWriter()
  filter.write(writer)
  return new Critical(oids.assertion, writer.buffer)
}

export const withoutEffect = (): Control => new Critical(oids.noOp, null)

/** What the entry has after the operation, read in the same step. */
export class PostRead extends Critical {
  #answer: Buffer | null = null
  constructor(attributes: readonly string[]) {
    const writer = new BerWriter()
    writer.startSequence()
    for (const attribute of attributes) writer.writeString(attribute)
    writer.endSequence()
    super(oids.postRead, writer.buffer)
  }
  override parseControl(reader: BerReader): void {
    this.#answer = Buffer.from(reader.remainingBuffer)
  }
  /** Of a SearchResultEntry as bytes; what is looked for is plain ASCII. */
  text(): string {
    return this.#answer?.toString('latin1') ?? ''
  }
}
