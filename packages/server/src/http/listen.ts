import {
  createServer as createHttp,
  type IncomingMessage,
  type Server,
  type ServerOptions,
} from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import {
  createAdaptorServer,
  type Http2Bindings,
  type HttpBindings,
} from '@hono/node-server'

export type ListenOptions = Readonly<{
  host: string
  /** 0 takes any free port. */
  port: number
  /** PEM. Without it, only loopback is listened on. */
  tls: Readonly<{ cert: string; key: string }> | null
  /** Past this many, the connection that has been idle longest makes room (WB-14). */
  maxConnections: number
}>

export type Listening = Readonly<{
  port: number
  /** Takes no new connection, lets the answers under way finish for `graceMillis`, then cuts them. */
  close(graceMillis: number): Promise<void>
}>

/** Slow peers are cut: headers within 10 s, the whole request within 20 s, 5 s of idling between two. */
const limits = {
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16 * 1024,
} as const satisfies ServerOptions

const loopback = ['127.0.0.1', '::1', 'localhost']

export type Fetch = (
  request: Request,
  env: HttpBindings | Http2Bindings,
) => Response | Promise<Response>

/** Rejects rather than serve a plain connection beyond this machine. */
export async function listen(
  fetch: Fetch,
  { host, port, tls, maxConnections }: ListenOptions,
  timeouts: ServerOptions = {},
): Promise<Listening> {
  if (tls === null && !loopback.includes(host))
    throw new Error(`refusing to listen on ${host} without a TLS certificate and key`)
  const common = { fetch, overrideGlobalObjects: false }
  const all = { ...limits, ...timeouts }
  const server = (
    tls === null
      ? createAdaptorServer({ ...common, createServer: createHttp, serverOptions: all })
      : createAdaptorServer({
          ...common,
          createServer: createHttps,
          serverOptions: { ...all, ...tls, minVersion: 'TLSv1.3' },
        })
  ) as Server
  makeRoom(server, maxConnections)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve())
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: (graceMillis) => closeGently(server, graceMillis),
  }
}

/**
 * Idle sockets can be held by anyone; they are the first to go when the house is full. A request names its
 * connection by the peer's address and port, because under TLS it sees another socket object.
 */
function makeRoom(server: Server, maxConnections: number): void {
  const idle = new Map<string, Socket>()
  let open = 0
  server.on('connection', (socket: Socket) => {
    const name = nameOf(socket)
    idle.set(name, socket)
    open += 1
    socket.once('close', () => {
      open -= 1
      idle.delete(name)
    })
    if (open <= maxConnections) return
    const [oldest = socket] = idle.values()
    oldest.destroy()
  })
  server.on('request', (request, response) => {
    const name = nameOf(request.socket)
    const socket = idle.get(name)
    let answered = false
    const busy = () => answered || idle.delete(name)
    // A body that is still on its way, perhaps for ever, makes a connection no less idle.
    if (hasBody(request)) request.once('end', busy)
    else busy()
    response.once('close', () => {
      answered = true
      if (socket === undefined || socket.destroyed) return
      idle.delete(name)
      idle.set(name, socket)
    })
  })
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

const nameOf = ({ remoteAddress, remotePort }: Socket): string =>
  `${remoteAddress} ${remotePort}`

/** A connection whose answer has ended is idle only then, so idle ones are closed over and over. */
async function closeGently(server: Server, graceMillis: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const sweep = setInterval(() => server.closeIdleConnections(), 20)
  const cut = setTimeout(() => server.closeAllConnections(), graceMillis)
  await closed
  clearInterval(sweep)
  clearTimeout(cut)
}
