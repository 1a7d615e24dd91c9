import { connect, createServer, type Socket } from 'node:net'

/** In front of a server on loopback: passes everything on, until it is told to fail. */
export type TcpProxy = Readonly<{
  port: number
  /** What becomes of connections from now on: `garbage` answers everything with bytes of no protocol. */
  become(mode: 'passing' | 'hanging' | 'garbage'): void
  /** Ends every connection there is, as a process that dies does. */
  cut(): void
  close(): Promise<void>
}>

export async function tcpProxy(to: () => number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let mode: Parameters<TcpProxy['become']>[0] = 'passing'
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
    client.on('data', (bytes) => {
      if (mode === 'passing') upstream.write(bytes)
      else if (mode === 'garbage')
        client.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    upstream.on('data', (bytes) => {
      if (mode === 'passing') client.write(bytes)
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
    become: (next) => {
      mode = next
    },
    cut,
    close: () => {
      cut()
      return new Promise((done) => server.close(() => done()))
    },
  }
}
