import { connect, createServer, type Socket } from 'node:net'

/** Sent on, answered in the server's place, or kept until {@link TcpProxy.release}. */
export type Verdict = 'pass' | 'hold' | Buffer

/** In front of a server on loopback: passes everything on, until it is told otherwise. */
export type TcpProxy = Readonly<{
  port: number
  /** What becomes of what clients send from now on; null for passing. */
  intercept(judge: ((bytes: Buffer) => Verdict) | null): void
  /** Whether answers are lost, from now on. */
  mute(isMute: boolean): void
  /** Nothing more is judged, and what was held goes on, in order. */
  release(): void
  /** Ends every connection there is, as a process that dies does. */
  cut(): void
  close(): Promise<void>
}>

export async function tcpProxy(to: () => number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const held: (() => void)[] = []
  let judge: ((bytes: Buffer) => Verdict) | null = null
  let loses = false
  const known = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
    return socket
  }
  const server = createServer((client) => {
    known(client)
    const upstream = known(connect(to(), '127.0.0.1'))
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    client.on('data', (bytes: Buffer) => {
      const verdict = judge === null ? 'pass' : judge(bytes)
      if (verdict === 'pass') upstream.write(bytes)
      else if (verdict === 'hold') held.push(() => upstream.write(bytes))
      else client.write(verdict)
    })
    upstream.on('data', (bytes) => {
      if (!loses) client.write(bytes)
    })
  })
  await new Promise<void>((done, fail) => {
    server.once('error', fail).listen(0, '127.0.0.1', done)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: address.port,
    intercept: (next) => {
      judge = next
    },
    mute: (isMute) => {
      loses = isMute
    },
    release: () => {
      judge = null
      for (const go of held.splice(0)) go()
    },
    cut,
    close: () => {
      cut()
      return new Promise((done) => server.close(() => done()))
    },
  }
}
