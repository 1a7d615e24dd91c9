/**
 * Which commands a sudo profile may name. A command that can start another of the grantee's choosing is root, and root can
 * arrange to come back: such access cannot be proven gone.
 *
 * @module
 */
import { basename } from 'node:path'

/** As it stands in a sudoers file. Without arguments, it may only be run without arguments. */
export type SudoCommand = Readonly<{ path: string; args: readonly string[] }>

const pathPattern = /^(\/[A-Za-z0-9_][A-Za-z0-9._+-]*)+$/
const argumentPattern = /^[A-Za-z0-9._+@/:=,-]+$/

/**
 * Programs that run others, edit or page files, or write where they are told. No list is complete: it catches what people
 * write without thinking, and whoever writes a profile answers for the rest.
 */
const escapes = new Set(
  `ash bash csh dash elvish fish ksh ksh93 mksh nu pwsh rbash rksh sh tcsh zsh busybox toybox
  ed emacs ex jed joe mcedit micro nano nvim pico rvi rvim sensible-editor editor vi view vim vimdiff
  vigr vipw visudo sudoedit less lesspipe man more most pager pg sensible-pager info
  awk expect gawk gdb irb jjs jrunscript lua mawk nawk node nodejs perl php pry python ruby sed tclsh wish
  chroot chrt doas env find flock ionice ltrace nice nohup nsenter parallel pkexec rlwrap run-parts runuser
  script setarch setpriv setsid start-stop-daemon stdbuf strace su sudo systemd-run taskset time timeout
  unshare unbuffer watch xargs xterm screen tmux byobu machinectl capsh prlimit scriptreplay
  ansible ansible-playbook apt apt-get aptitude bundle cargo composer dnf docker dpkg easy_install gem git
  helm kubectl lxc make incus npm npx nerdctl pip pip3 pipx podman puppet rpm salt-call snap svn vagrant yum
  zypper ctr crictl mysql mariadb psql sqlite3 mongo redis-cli ftp lftp scp sftp ssh telnet nc ncat netcat
  socat openvpn nmap rsync tar zip 7z cpio tcpdump wget curl aria2c gcc cc ld ar
  at batch crontab chmod chown chgrp chattr cp dd install ln mkfifo mknod mv tee rm setcap setfacl truncate
  passwd chpasswd useradd usermod userdel groupadd groupmod gpasswd adduser addgroup chsh chfn newusers
  insmod modprobe mount umount losetup debugfs sysctl update-alternatives dpkg-reconfigure journalctl
  loginctl udevadm logrotate kexec`
    .split(/\s+/)
    .filter((name) => name.length > 0),
)

/** Those of `systemctl` that page nothing, edit nothing and take a unit's name alone. */
const systemctlVerbs = new Set(
  'restart try-restart reload reload-or-restart start stop is-active reset-failed'.split(
    ' ',
  ),
)

/** `python3.11` is `python`, `vim.tiny` is `vim`. */
const family = (name: string) => name.replace(/[.].*$/, '').replace(/[-0-9]+$/, '')

export const isEscape = (path: string): boolean =>
  escapes.has(basename(path)) || escapes.has(family(basename(path)))

/** Throws with the reason when the command may not stand in a profile. */
export function sudoCommand(text: string, unendable: boolean): SudoCommand {
  const [path = '', ...args] = text.split(' ')
  const refuse = (why: string): never => {
    throw new Error(`${JSON.stringify(text)} ${why}`)
  }
  if (text === 'ALL')
    return unendable
      ? { path: 'ALL', args: [] }
      : refuse('is everything: set unendable to allow it')
  if (!pathPattern.test(path)) refuse('does not begin with the absolute path of a program')
  if (!args.every((arg) => argumentPattern.test(arg)))
    refuse('has an argument that is a pattern or that sudoers would read otherwise')
  if (basename(path) === 'sudoedit') refuse('edits files: give the edit a program')
  if (unendable) return { path, args }
  if (isEscape(path)) refuse('can run other commands: set unendable to allow it')
  if (basename(path) === 'systemctl' && !isPlainSystemctl(args))
    refuse('may open a pager or an editor: set unendable to allow it')
  return { path, args }
}

const isPlainSystemctl = ([verb = '', ...units]: readonly string[]): boolean =>
  systemctlVerbs.has(verb) &&
  units.length > 0 &&
  units.every((unit) => !unit.startsWith('-') && !unit.startsWith('/'))

/** Words that sudoers gives a meaning are escaped; `""` is no arguments at all. */
export function inSudoers({ path, args }: SudoCommand): string {
  if (path === 'ALL') return 'ALL'
  const words = args.map((arg) => arg.replaceAll(/[,:=]/g, (sign) => `\\${sign}`))
  return [path, ...(words.length === 0 ? ['""'] : words)].join(' ')
}
