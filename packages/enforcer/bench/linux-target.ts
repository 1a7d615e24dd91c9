import { enforcerBooks } from '../test/enforcer-books.ts'
import { type LinuxLab, labTarget } from '../test/linux-lab.ts'
import type { BenchTarget } from './connector-bench.ts'

/** The bare client: a shell on the host, the programs one after the other. */
export const linuxTarget = (lab: LinuxLab): BenchTarget => ({
  kind: 'linux',
  target: labTarget,
  privileges: ['sudo:read_ledger'],
  connector: lab.connector(enforcerBooks()),
  bare: async (n) => {
    const file = `/etc/sudoers.d/bench_${n}`
    const rule = 'ada-adm ALL = (root) NOPASSWD: /usr/bin/cat /mnt/ledger'
    const start = performance.now()
    await lab.sh(
      `echo '${rule}' >${file}.new; chmod 440 ${file}.new; visudo -cqf ${file}.new; mv ${file}.new ${file}`,
    )
    const open = performance.now()
    await lab.sh(
      `rm ${file}; sudo -n -l -U ada-adm >/dev/null; grep -l x /proc/[0-9]*/comm || true`,
    )
    return { open: open - start, end: performance.now() - open }
  },
})
