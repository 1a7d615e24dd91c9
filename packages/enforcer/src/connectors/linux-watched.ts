/** By kind, files and folders that decide who may log in, who may become root, and what runs without being asked. */
export const watched: readonly (readonly [kind: string, paths: readonly string[]])[] = [
  [
    'sudoers',
    ['/etc/sudoers', '/etc/sudoers.d', '/etc/sudo.conf', '/etc/doas.conf', '/etc/polkit-1'],
  ],
  [
    'job',
    [
      '/etc/crontab',
      '/etc/anacrontab',
      ...['d', 'hourly', 'daily', 'weekly', 'monthly'].map((when) => `/etc/cron.${when}`),
      '/var/spool/cron',
      '/var/spool/at',
      '/etc/at.allow',
      '/etc/cron.allow',
      '/etc/logrotate.d',
    ],
  ],
  [
    'unit',
    [
      '/etc/systemd',
      '/run/systemd/system',
      '/usr/local/lib/systemd',
      '/var/lib/systemd/linger',
      '/etc/init.d',
      '/etc/inittab',
      '/etc/rc.local',
    ],
  ],
  [
    'login',
    [
      '/etc/pam.d',
      '/etc/pam.conf',
      '/etc/security',
      '/etc/nsswitch.conf',
      '/etc/login.defs',
      '/etc/shells',
      '/etc/securetty',
      '/etc/hosts.equiv',
      '/etc/ssh',
      '/etc/subuid',
      '/etc/subgid',
    ],
  ],
  ['loader', ['/etc/ld.so.preload', '/etc/ld.so.conf', '/etc/ld.so.conf.d']],
  [
    'startup',
    [
      '/etc/profile',
      '/etc/profile.d',
      '/etc/bash.bashrc',
      '/etc/zsh',
      '/etc/environment',
      '/etc/modules',
      '/etc/modules-load.d',
      '/etc/modprobe.d',
      '/etc/udev/rules.d',
      '/etc/tmpfiles.d',
      '/etc/sysctl.conf',
      '/etc/sysctl.d',
      '/etc/apt/apt.conf.d',
      '/etc/update-motd.d',
      '/etc/network',
      '/etc/NetworkManager/dispatcher.d',
    ],
  ],
  ['local_program', ['/usr/local/bin', '/usr/local/sbin']],
]

/** In every home: who may log in as its owner. */
export const homeKeys: readonly string[] = ['.ssh/authorized_keys', '.ssh/authorized_keys2']

/** In root's home and in those of accounts that grants are on: what runs when its owner logs in. */
export const homeFiles: readonly string[] = [
  '.ssh/rc',
  '.ssh/environment',
  '.rhosts',
  '.shosts',
  '.profile',
  '.bash_profile',
  '.bash_login',
  '.bashrc',
  '.bash_logout',
  '.zshenv',
  '.zshrc',
  '.zprofile',
  '.config/systemd/user',
  '.config/autostart',
  '.pam_environment',
]
