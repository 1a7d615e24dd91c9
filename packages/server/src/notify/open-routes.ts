import type { Clock, Net } from '../ports.ts'
import { commandSink } from './command.ts'
import { fileSink } from './file.ts'
import type { NoticeRoute } from './lane.ts'
import type { RouteSetting } from './routes-file.ts'
import { webhookSink } from './webhook.ts'

type Ports = Readonly<{
  netTo(allowed: ReadonlySet<string>): Net
  clock: Pick<Clock, 'now'>
}>

export const openRoutes = (
  settings: readonly RouteSetting[],
  ports: Ports,
): readonly NoticeRoute[] => settings.map((setting) => openRoute(setting, ports))

function openRoute(setting: RouteSetting, { netTo, clock }: Ports): NoticeRoute {
  const { name, takes, kind } = setting
  switch (kind) {
    case 'webhook': {
      const { url, secret } = setting
      const host = new URL(url).hostname
      const inside = setting.private ? [host.replace(/^\[|\]$/g, '')] : []
      const sink = webhookSink({ url, secret, net: netTo(new Set(inside)), clock })
      return { name, takes, kind, means: new URL(url).host, sink, mostAtOnce: 32 }
    }
    case 'command': {
      const { run } = setting
      return { name, takes, kind, means: run[0], sink: commandSink({ run }), mostAtOnce: 4 }
    }
    case 'file': {
      const { path } = setting
      return { name, takes, kind, means: path, sink: fileSink(path), mostAtOnce: 8 }
    }
  }
}
