import { createHash } from 'node:crypto'
import { createConnection, type Socket } from 'node:net'

/** A login of `mysql_native_password` that stops before its last step, which `finish` takes: true when it is let in. */
export type HalfLogin = Readonly<{ finish(): Promise<boolean>; leave(): void }>

type Packet = Readonly<{ sequence: number; body: Buffer }>

/** Protocol 4.1, secure connection, plugin authentication, long password. */
const capabilities = 0x1 | 0x200 | 0x8000 | 0x80000 | 0x2000
const utf8mb4 = 45

/**
 * By naming a way to log in that the account does not have, the client makes the server ask again: by then the server has
 * read the account, and waits.
 */
export async function beginLogin(
  port: number,
  user: string,
  password: string,
): Promise<HalfLogin> {
  const socket = createConnection(port, '127.0.0.1')
  const packets = packetsOf(socket)
  const greeting = await packets.next()
  const head = Buffer.alloc(32)
  head.writeUInt32LE(capabilities, 0)
  head.writeUInt32LE(1 << 24, 4)
  head[8] = utf8mb4
  const named = Buffer.from(`${user}\0\0dialog\0`)
  packets.send(greeting.sequence + 1, Buffer.concat([head, named]))
  const asked = await packets.next()
  const from = asked.body.indexOf(0) + 1
  const scramble = asked.body.subarray(from, from + 20)
  return {
    async finish() {
      packets.send(asked.sequence + 1, tokenOf(password, scramble))
      const answer = await packets.next().catch(() => null)
      return answer?.body[0] === 0
    },
    leave: () => socket.destroy(),
  }
}

function tokenOf(password: string, scramble: Buffer): Buffer {
  const sha1 = (bytes: string | Buffer) => createHash('sha1').update(bytes).digest()
  const once = sha1(password)
  const mask = sha1(Buffer.concat([scramble, sha1(once)]))
  return Buffer.from(once.map((byte, i) => byte ^ (mask[i] ?? 0)))
}

function packetsOf(socket: Socket) {
  let bytes: Buffer = Buffer.alloc(0)
  let closed = false
  let wake = () => {}
  socket.on('data', (data: Buffer) => {
    bytes = Buffer.concat([bytes, data])
    wake()
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    closed = true
    wake()
  })
  return {
    send(sequence: number, body: Buffer) {
      const head = Buffer.alloc(4)
      head.writeUIntLE(body.length, 0, 3)
      head[3] = sequence
      socket.write(Buffer.concat([head, body]))
    },
    async next(): Promise<Packet> {
      for (;;) {
        const length = bytes.length < 4 ? null : bytes.readUIntLE(0, 3)
        if (length !== null && bytes.length >= 4 + length) {
          const packet = { sequence: bytes[3] ?? 0, body: bytes.subarray(4, 4 + length) }
          bytes = bytes.subarray(4 + length)
          return packet
        }
        if (closed) throw new Error('the server closed the connection')
        await new Promise<void>((done) => {
          wake = done
        })
      }
    },
  }
}
