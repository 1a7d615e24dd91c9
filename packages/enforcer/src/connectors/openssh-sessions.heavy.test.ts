import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { millisUntil, opensshGrantee } from '../../test/openssh-grantee.ts'
import { describeAtSshd, labTarget } from '../../test/openssh-lab.ts'
import type { Credential } from './port.ts'

describeAtSshd(() => {
  const { at, opening, open, end, present, cleanup } = opensshGrantee()
  const evidence = async () => {
    expect(await present()).toEqual([])
    return (await at.connector.evidence?.(at.grant, labTarget)) ?? null
  }
  /** What another connector answers to the same opening. */
  const applyBy = async (change: Readonly<Record<string, unknown>>) => {
    await at.connector.close()
    const connector = at.lab.connector(at.books, change)
    await connector.open()
    const applied = await connector.apply(opening('login:deploy')).finally(connector.close)
    if (applied.kind !== 'applied') throw new Error(applied.kind)
    return { connector, credential: applied.credential }
  }
  /** At a terminal, as a person is: waits for the screen to show something, and types a line. */
  const typed = async (
    credential: Credential,
    dialogue: readonly (readonly [seen: string, line: string])[],
  ) => {
    const words = [...(await at.lab.words(credential)), '-tt']
    const ssh = spawn('ssh', [...words, credential.SSH_DESTINATIONS ?? ''])
    let screen = ''
    ssh.stdout.on('data', (text) => {
      screen += text
    })
    const over = new Promise((done) => ssh.once('exit', done))
    for (const [seen, line] of dialogue) {
      await millisUntil(() => screen.includes(seen)).catch((cause: unknown) => {
        throw new Error(`the screen shows ${JSON.stringify(screen)}`, { cause })
      })
      ssh.stdin.write(`${line}\n`)
    }
    await over
    return screen
  }

  test('TK-14 what the profile does not permit is not to be had at the host', async () => {
    const credential = await open()
    await expect(at.lab.login(credential, 'tty', ['-tt'])).rejects.toThrow(
      'PTY allocation request failed',
    )
    const environment = await at.lab.login(credential, 'env', ['-A', '-X'])
    expect(environment).not.toMatch(/SSH_AUTH_SOCK|DISPLAY/)
    const asDba = {
      ...credential,
      SSH_DESTINATIONS: credential.SSH_DESTINATIONS?.replace('deploy', 'dba') ?? '',
    }
    await expect(at.lab.login(asDba)).rejects.toThrow('Permission denied')
    await end()
  })

  test('TK-14 a certificate for another network lets nobody in from here', async () => {
    await expect(at.lab.login(await open('login:elsewhere'))).rejects.toThrow(
      'Permission denied',
    )
    expect(await at.lab.server.log()).toContain('not from a permitted source address')
    await end()
    expect(await present()).toEqual([])
  })

  test('a fixed command runs in place of what was asked for, and both are on record', async () => {
    const credential = await open('login:fixed')
    expect(await at.lab.login(credential, 'cat /etc/passwd')).toBe("it's deploy")
    await end()
    const text = (await evidence())?.text
    expect(text).toMatch(/^halligan: asked \S+ \d+ cat \/etc\/passwd$/m)
    expect(text).toMatch(/^halligan: begin \S+ \d+ printf '%s' "it's \$USER"$/m)
    expect(text).toContain("\nit's deploy\n")
  })

  test('a command is recorded with what it read, wrote and answered, and works as ever', async () => {
    const credential = await open('login:recorded')
    const session = await at.lab.enter(credential)
    expect(await session.ask('echo out; echo err >&2; tr a-z A-Z <<E\nquiet\nE')).toBe(
      'out\nQUIET\n',
    )
    await session.leave()
    await expect(at.lab.login(credential, 'echo gone >&2; exit 7')).rejects.toMatchObject({
      code: 7,
      stderr: 'gone\n',
    })
    await end()
    const found = await evidence()
    expect(found).toMatchObject({ what: 'ssh_sessions', complete: false })
    for (const part of ['out\n', 'err\n', 'QUIET\n', 'quiet\n', 'gone\n', 'exit 7'])
      expect(found?.text).toContain(part)
    expect(found?.text).toMatch(/^halligan: end \S+ \d+ 7$/m)
    expect(found?.text).toContain('read from its input:\n')
    expect(found?.text).not.toContain('without an end')
    await cleanup()
    expect(await at.connector.evidence?.(at.grant, labTarget)).toBeNull()
  })

  test('a file that is copied arrives byte for byte, and is on record', async () => {
    const credential = await open('login:recorded')
    await at.lab.sh(
      'head -c 300000 /dev/urandom > /mnt/deploy/blob; chmod 644 /mnt/deploy/blob',
    )
    const copied = await at.lab.login(
      credential,
      'base64 -w 0 < blob | tee copy; sha256sum < blob',
    )
    expect(copied).toContain((await at.lab.sh('sha256sum < /mnt/deploy/blob')).trim())
    expect(copied.length).toBeGreaterThan(400_000)
    await end()
    const text = (await evidence())?.text ?? ''
    expect(text.length).toBe(240_000 + '\nand more'.length)
    expect(text.endsWith('\nand more')).toBe(true)
  })

  test('a terminal is recorded as its screen showed it, without what was typed unseen', async () => {
    const screen = await typed(await open('login:terminal'), [
      ['$', 'tty; read -r shown; echo "got $shown"'],
      ['/dev/pts/', 'visible'],
      [
        'got visible',
        'stty -echo; echo re""ady; read -r it; stty echo; echo "long $(expr length $it)"',
      ],
      ['ready', 'hunter22'],
      ['long 8', 'exit 0'],
    ])
    expect(screen).toMatch(/\/dev\/pts\/\d+/)
    await end()
    const text = (await evidence())?.text
    for (const part of ['/dev/pts/', 'got visible', 'long 8', 'halligan: end '])
      expect(text).toContain(part)
    expect(text).toContain('seconds and bytes of the output at terminals:\n0.')
    expect(text).not.toContain('hunter22')
  })

  test('a grantee can add to the record, and neither read, cut nor delete it', async () => {
    const session = await at.lab.enter(await open('login:recorded'))
    const record = (
      await at.lab.sh(`ls ${at.lab.server.state}/records/${at.grant}.*`)
    ).split('\n')[0]
    for (const attempt of [
      `cat ${record}`,
      `: >${record}`,
      `rm -f ${record}`,
      `mv ${record} /tmp/gone`,
      `chmod 666 ${record}`,
      `truncate -s 0 ${record}`,
      `ls ${at.lab.server.state}/records`,
    ])
      expect(await session.ask(`sh -c '${attempt}' 2>/dev/null && echo did it`)).toBe('')
    await session.ask(`printf '\\033[2Jforged\\n' >>${record}`)
    await end()
    const text = (await evidence())?.text
    expect(text).toContain('mv ')
    expect(text).toContain('\\x1b[2Jforged')
    expect(text).toContain('1 of them without an end, as when the grant ended them')
    expect(await at.lab.sh(`find /tmp -maxdepth 1 -name '*${at.grant}*'`)).toBe('')
  })

  test('a session that cannot be recorded is not opened', async () => {
    const { state } = at.lab.server
    const credential = await open('login:recorded')
    await at.lab.sh(`mv ${state}/records ${state}/moved`)
    await expect(at.lab.login(credential)).rejects.toThrow('Permission denied')
    await at.lab.sh(`mv ${state}/moved ${state}/records`)
    expect(await at.lab.login(credential)).toBe('deploy\n')
    await at.lab.sh('mv /run/halligan/halligan-record /run/halligan/moved')
    await expect(at.lab.login(credential)).rejects.toMatchObject({ code: 127 })
    await at.lab.sh('mv /run/halligan/moved /run/halligan/halligan-record')
    await end()
    expect(await present()).toEqual([])
  })

  test('where no cgroup can hold what detaches itself, nobody is let in unasked', async () => {
    const conf = `${at.lab.server.state}/host.conf`
    await at.lab.sh(`cp ${conf} /run/conf; echo CGROUP=/proc/halligan >${conf}`)
    await expect(applyBy({})).rejects.toThrow('web admits nobody: refused uncontained')
    const { connector, credential } = await applyBy({ uncontained: true })
    const session = await at.lab.enter(credential)
    await connector.end(at.grant, labTarget)
    await expect(session.ask('id')).rejects.toThrow()
    expect(await present()).toEqual([])
    await at.lab.sh(`cp /run/conf ${conf}`)
  })

  test('an account that is root, or is not there, is admitted nowhere', async () => {
    const { state } = at.lab.server
    const before = await at.lab.sh(`ls ${state}/admitted`)
    await at.lab.sh('useradd -o -u 0 -g 0 -d /mnt/toor toor')
    for (const [account, code] of [
      ['toor', 'root:toor'],
      ['nobody-here', 'no_account:nobody-here'],
    ])
      await expect(
        applyBy({ profiles: { deploy: { principals: [account] } } }),
      ).rejects.toThrow(`web admits nobody: refused ${code}`)
    expect(await at.lab.sh(`ls ${state}/admitted`)).toBe(before)
  })

  test('the helper takes no word that it does not know, whoever says it', async () => {
    const { helper, state } = at.lab.server
    const asked = (verb: string) =>
      at.lab.sh(
        `SSH_ORIGINAL_COMMAND=${JSON.stringify(verb)} ${helper} ${state} serve </dev/null`,
      )
    for (const verb of [
      ...['', 'sh', 'install /etc/passwd', 'gate 1 deploy x', 'records ../../etc/shadow'],
      ...[
        'end g-aaaaaaaaaaaaaaaaaaaaaaaaaa/../x 1 2',
        'end * 1',
        'forget .',
        'effective a;id',
      ],
      ...[
        'end g-aaaaaaaaaaaaaaaaaaaaaaaaaa x',
        'probe g-AAAAAAAAAAAAAAAAAAAAAAAAAA',
        'list;id',
      ],
      'end g-aaaaaaaaaaaaaaaaaaaaaaaaaa 1 2$(id)',
    ])
      await expect(asked(verb), verb).rejects.toThrow(/halligan-host: |not done/)
    expect(await at.lab.sh(`ls ${state}/..`)).not.toContain('x')
  })
})
