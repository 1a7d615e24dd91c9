import { type Json, ok, type Result, refuse } from '@halligan/core'
import { textOf } from './bytes.ts'

export type ParseRefusal = Readonly<{ code: ParseRefusalCode; at: number; reason: string }>

export type ParseRefusalCode =
  | 'not_utf8'
  | 'malformed_json'
  | 'duplicate_key'
  | 'forbidden_key'
  | 'unsafe_number'
  | 'lone_surrogate'
  | 'too_deep'
  | 'too_large'
  | 'not_canonical'

export type ParseLimits = Readonly<{
  /** Nesting of arrays and objects. */
  depth: number
  /** UTF-16 units of text, or bytes when bytes are given. */
  length: number
  /** Values, all together. */
  nodes: number
}>

export const defaultLimits: ParseLimits = { depth: 32, length: 1 << 24, nodes: 1 << 20 }

/** Names that would reach a prototype in careless code downstream. */
const forbidden: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])
export const isForbiddenKey = (key: string): boolean => forbidden.has(key)

/** Whether a number means the same to every reader: finite, and exact if it is an integer. */
export const isSafe = (value: number): boolean =>
  Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))

/**
 * JSON from outside, read so that no second reader could read it differently (WB-13): duplicate keys, keys
 * that reach a prototype, integers beyond 2^53, overflowing numbers, lone surrogates and great depth are
 * refused. Objects come out with a null prototype. Never throws. `at` counts UTF-16 units.
 */
export function parseStrict(
  source: string | Uint8Array,
  limits: Partial<ParseLimits> = {},
): Result<Json, ParseRefusal> {
  const all = { ...defaultLimits, ...limits }
  if (source.length > all.length)
    return refuse({ code: 'too_large', at: all.length, reason: `over ${all.length}` })
  const text = typeof source === 'string' ? source : textOf(source)
  if (text === null) return refuse({ code: 'not_utf8', at: 0, reason: 'not UTF-8' })
  return new StrictParser(text, all).parse()
}

/** Each method leaves `at` after what it read, or returns undefined with `refusal` set. */
class StrictParser {
  readonly #text: string
  readonly #limits: ParseLimits
  #at = 0
  #nodes = 0
  #refusal: ParseRefusal | undefined

  constructor(text: string, limits: ParseLimits) {
    this.#text = text
    this.#limits = limits
  }

  parse(): Result<Json, ParseRefusal> {
    const value = this.#value(0)
    this.#skipSpace()
    if (value !== undefined && this.#at < this.#text.length)
      this.#fail('malformed_json', 'more after the value')
    if (value === undefined || this.#refusal) return refuse(this.#refusal ?? nothing)
    return ok(value)
  }

  #value(depth: number): Json | undefined {
    this.#skipSpace()
    if (++this.#nodes > this.#limits.nodes)
      return this.#fail('too_large', 'too many values')
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth)
      case '[':
        return this.#array(depth)
      case '"':
        return this.#string()
      case 't':
        return this.#word('true', true)
      case 'f':
        return this.#word('false', false)
      case 'n':
        return this.#word('null', null)
      default:
        return this.#number()
    }
  }

  #object(depth: number): Json | undefined {
    if (depth >= this.#limits.depth) return this.#fail('too_deep', 'nested too deeply')
    const value: Record<string, Json> = Object.create(null)
    this.#at++
    if (this.#takes('}')) return value
    do {
      if (!this.#key(value, depth)) return undefined
    } while (this.#takes(','))
    return this.#takes('}') ? value : this.#fail('malformed_json', 'expected , or }')
  }

  #key(object: Record<string, Json>, depth: number): boolean {
    this.#skipSpace()
    const start = this.#at
    if (this.#text[start] !== '"') return this.#deny('malformed_json', 'expected a key')
    const key = this.#string()
    if (key === undefined) return false
    if (isForbiddenKey(key)) return this.#deny('forbidden_key', `the key ${key}`, start)
    if (key in object) return this.#deny('duplicate_key', `the key ${key} twice`, start)
    if (!this.#takes(':')) return this.#deny('malformed_json', 'expected :')
    const value = this.#value(depth + 1)
    if (value === undefined) return false
    object[key] = value
    return true
  }

  #array(depth: number): Json | undefined {
    if (depth >= this.#limits.depth) return this.#fail('too_deep', 'nested too deeply')
    const items: Json[] = []
    this.#at++
    if (this.#takes(']')) return items
    do {
      const item = this.#value(depth + 1)
      if (item === undefined) return undefined
      items.push(item)
    } while (this.#takes(','))
    return this.#takes(']') ? items : this.#fail('malformed_json', 'expected , or ]')
  }

  #string(): string | undefined {
    const start = this.#at
    const end = endOfString(this.#text, start)
    if (end === null) return this.#fail('malformed_json', 'not a JSON string')
    this.#at = end
    const text = unescaped(this.#text.slice(start, end))
    if (text === null) return this.#fail('malformed_json', 'not a JSON escape', start)
    return text.isWellFormed()
      ? text
      : this.#fail('lone_surrogate', 'half of a surrogate pair', start)
  }

  #number(): number | undefined {
    const start = this.#at
    numberToken.lastIndex = start
    const token = numberToken.exec(this.#text)?.[0]
    if (token === undefined) return this.#fail('malformed_json', 'not a JSON value')
    this.#at += token.length
    const value = Number(token)
    if (!isSafe(value)) return this.#fail('unsafe_number', 'not exactly a number', start)
    return value === 0 ? 0 : value
  }

  #word<T extends Json>(word: string, value: T): T | undefined {
    if (!this.#text.startsWith(word, this.#at))
      return this.#fail('malformed_json', 'not a JSON value')
    this.#at += word.length
    return value
  }

  #takes(sign: string): boolean {
    this.#skipSpace()
    if (this.#text[this.#at] !== sign) return false
    this.#at++
    return true
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at++
  }

  #fail(code: ParseRefusalCode, reason: string, at = this.#at): undefined {
    this.#refusal ??= { code, at, reason }
    return undefined
  }

  #deny(code: ParseRefusalCode, reason: string, at = this.#at): false {
    this.#fail(code, reason, at)
    return false
  }
}

/** RFC 8259 section 6. */
const numberToken = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y

/** One past the closing quote, or null when the string never ends or holds a control character. */
function endOfString(text: string, start: number): number | null {
  if (text[start] !== '"') return null
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 0x22) return at + 1
    if (code === 0x5c) at++
    else if (code < 0x20) return null
  }
  return null
}

/** The native parser knows the escapes, and a lone token has nothing else to get wrong. */
function unescaped(token: string): string | null {
  if (!token.includes('\\')) return token.slice(1, -1)
  try {
    return JSON.parse(token)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

const isSpace = (code: number): boolean =>
  code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

const nothing: ParseRefusal = { code: 'malformed_json', at: 0, reason: 'no value' }
