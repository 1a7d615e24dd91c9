import type { Agenda } from './agenda.ts'
import type { Dice } from './dice.ts'
import type { Tally } from './tally.ts'

export type Question = Readonly<{
  from: string
  method: string
  path: string
  authorization: string | null
  body: string
}>

export type Reply = Readonly<{ status: number; media: string; body: string }>

/** Answers, or null when nobody is there. */
export type Answering = (request: Question) => Promise<Reply | null>

/** How badly the network behaves just now. */
export type Weather = {
  loss: number
  duplication: number
  /** Longest delay of a message, in ms: with it messages overtake each other. */
  delay: number
  /** `from>to`: nothing passes in that direction. */
  readonly cut: Set<string>
}

export type Network = Readonly<{
  weather: Weather
  /** Since when it has been fair. */
  fairSince(): number
  change(change: (weather: Weather) => void): void
  /** `fetch`, as `from` has it. Rejects when no answer came in time, whatever became of the request. */
  fetchFrom(from: string): typeof fetch
  /** One message without an answer. */
  post(from: string, to: string, label: string, deliver: () => void): void
}>

export const fair = { loss: 0, duplication: 0, delay: 20 } as const

const isFair = ({ loss, delay, cut }: Weather) =>
  loss === 0 && delay <= fair.delay && cut.size === 0

const patienceMillis = 15_000

export function createNetwork(
  agenda: Agenda,
  dice: Dice,
  tally: Tally,
  server: Answering,
): Network {
  const weather: Weather = { ...fair, cut: new Set() }
  let fairSince = agenda.now()
  const post: Network['post'] = (from, to, label, deliver) => {
    if (weather.cut.has(`${from}>${to}`)) return tally.happened('fault: partition')
    if (dice.chance(weather.loss)) return tally.happened('fault: message lost')
    const copies = dice.chance(weather.duplication) ? 10 : 1
    if (copies > 1) tally.happened('fault: message delivered ten times')
    for (let copy = 0; copy < copies; copy++) {
      const millis = dice.between(1, weather.delay)
      if (millis > 1000) tally.happened('fault: message delayed')
      agenda.after(millis, `${from}>${to} ${label}`, deliver)
    }
  }
  const ask = (request: Question): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const { from, path } = request
      const lost = () => reject(new TypeError('no answer'))
      const cancel = agenda.after(patienceMillis, `${from} gives up`, lost)
      const back = (response: Reply | null) => {
        cancel()
        if (response === null) reject(new TypeError('connection refused'))
        else resolve(response)
      }
      post(from, 'server', path, () => {
        void server(request).then((response) =>
          post('server', from, `${response?.status ?? 'refused'} ${path}`, () =>
            back(response),
          ),
        )
      })
    })
  return {
    weather,
    post,
    fairSince: () => (isFair(weather) ? fairSince : Number.POSITIVE_INFINITY),
    change(change) {
      change(weather)
      fairSince = agenda.now()
    },
    fetchFrom: (from) => async (input, init) => {
      const { pathname, search } = new URL(String(input))
      const headers = new Headers(init?.headers)
      const { status, media, body } = await ask({
        from,
        method: init?.method ?? 'GET',
        path: pathname + search,
        authorization: headers.get('authorization'),
        body: typeof init?.body === 'string' ? init.body : '',
      })
      return new Response(body, { status, headers: { 'content-type': media } })
    },
  }
}
