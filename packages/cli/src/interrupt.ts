/** Aborted once the person presses Ctrl-C or the process is told to end; the second time ends it at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => controller.abort())
  return controller.signal
}
