import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { millisUntil, opensshGrantee } from '../../test/openssh-grantee.ts'
import { describeAtSshd, labTarget } from '../../test/openssh-lab.ts'
import type { Credential } from './port.ts'

describeAtSshd(() => {
  const { at, open, end, present, cleanup } = opensshGrantee()
  const inside = (script: string) => at.lab.sh(script)
  /** A process of the host by what it was started with, however it is hidden. */
  const runs = async (words: string) =>
    (await inside(`pgrep -fx '${words}' || true`)).trim() !== ''

  describe('connections without a session', () => {
    let folder: string
    const clients: ChildProcess[] = []
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'halligan-master-'))
    })
    afterEach(async () => {
      for (const client of clients.splice(0)) client.kill('SIGKILL')
      await rm(folder, { recursive: true })
    })
    const connectOnly = async (credential: Credential, words: readonly string[]) => {
      const to = credential.SSH_DESTINATIONS ?? ''
      const all = [...(await at.lab.words(credential)), ...words, '-N', to]
      const client = spawn('ssh', all, { stdio: 'ignore' })
      clients.push(client)
      return client
    }
    const isOver = (client: ChildProcess) => () =>
      client.exitCode !== null || client.signalCode !== null

    test('EN-05 a master connection ends, and what was multiplexed over it', async () => {
      const credential = await open()
      const socket = join(folder, 'master')
      const master = await connectOnly(credential, ['-M', '-S', socket])
      const over = ['-o', `ControlPath=${socket}`]
      await millisUntil(() =>
        at.lab.login(credential, 'true', over).then(
          () => true,
          () => false,
        ),
      )
      expect(await present()).toEqual(
        expect.arrayContaining(['admission', 'connections', 'processes']),
      )
      await end()
      await millisUntil(isOver(master))
      await expect(at.lab.login(credential, 'true', over)).rejects.toThrow()
      expect(await present()).toEqual([])
    })

    test('EN-05 tunnels in either direction end, though no session was ever opened', async () => {
      const credential = await open('login:tunnels')
      const [remote, local] = [at.lab.server.port + 1, at.lab.server.port + 2]
      const port = at.lab.server.port
      const client = await connectOnly(credential, [
        ...['-R', `127.0.0.1:${remote}:127.0.0.1:${port}`],
        ...['-L', `127.0.0.1:${local}:127.0.0.1:${port}`],
      ])
      const answers = (to: number) => () =>
        new Promise<boolean>((done) => {
          const socket = connect(to, '127.0.0.1')
          socket.once('error', () => done(false))
          socket.once('data', () => done(true))
          socket.once('close', () => done(false))
          setTimeout(() => socket.destroy(), 2_000).unref()
        })
      await millisUntil(answers(remote))
      await millisUntil(answers(local))
      await end()
      await millisUntil(isOver(client))
      expect(await answers(remote)()).toBe(false)
      expect(await answers(local)()).toBe(false)
      expect(await present()).toEqual([])
    })

    test('a tunnel that the profile does not permit carries nothing', async () => {
      const port = at.lab.server.port + 3
      const client = await connectOnly(await open(), [
        ...['-o', 'ExitOnForwardFailure=yes'],
        ...['-R', `127.0.0.1:${port}:127.0.0.1:22`],
      ])
      await millisUntil(isOver(client))
      expect(client.exitCode).toBe(255)
    })
  })

  test.each([
    ['nohup', 'nohup sleep 86411 >/dev/null 2>&1 &', 'sleep 86411'],
    [
      'a session of its own',
      'setsid sleep 86412 >/dev/null 2>&1 </dev/null &',
      'sleep 86412',
    ],
    [
      'an empty environment and two forks',
      '(setsid env -i /bin/sh -c "/bin/sleep 86413 & exit" >/dev/null 2>&1 </dev/null &)',
      '/bin/sleep 86413',
    ],
  ])('EN-05 INV-9 what detached itself by %s ends too', async (_, command, words) => {
    await at.lab.login(await open(), command)
    await millisUntil(() => runs(words))
    expect(await present()).toContain('processes')
    await end()
    expect(await runs(words)).toBe(false)
    expect(await present()).toEqual([])
  })

  test('a process that makes others faster than it is looked at ends', async () => {
    const forking = 'f() { while :; do sleep 86414 & sleep 0.01; done; }; f & f & f'
    const session = await at.lab.enter(await open())
    session.process.stdin?.write(`${forking}\n`)
    await millisUntil(() => runs('sleep 86414'))
    await end()
    expect(await runs('sleep 86414')).toBe(false)
    expect(await present()).toEqual([])
  })

  test('a grantee with thousands of connections and processes is ended in one go', async () => {
    const session = await at.lab.enter(await open())
    session.process.stdin?.write('for n in $(seq 1500); do sleep 86417 & done\n')
    await inside(`cd ${at.lab.server.state}/sessions/${at.grant}/*
      seq 100000 130000 | sed 's/$/.1/' | xargs touch`)
    await millisUntil(
      async () => Number(await inside('pgrep -fxc "sleep 86417" || true')) > 1000,
    )
    await end()
    expect(await runs('sleep 86417')).toBe(false)
    expect(await present()).toEqual([])
    await cleanup()
  })

  test('INV-9 no login that is under way while the grant ends gets through', async () => {
    const credential = await open()
    let over = false
    const tries = Array.from({ length: 4 }, async () => {
      while (!over) await at.lab.login(credential, 'setsid sleep 86415 &').catch(() => null)
    })
    await millisUntil(() => runs('sleep 86415'))
    await end()
    over = true
    await Promise.all(tries)
    expect(await runs('sleep 86415')).toBe(false)
    expect(await present()).toEqual([])
  })

  test('a process that has the number of a connection that is over is left alone', async () => {
    await (await at.lab.enter(await open())).leave()
    const innocent = (await inside('setsid sleep 86416 >/dev/null 2>&1 & echo $!')).trim()
    await inside(`: >"$(echo ${at.lab.server.state}/sessions/${at.grant}/*)/${innocent}.1"`)
    await end()
    expect(await present()).toEqual([])
    expect(await runs('sleep 86416')).toBe(true)
    await inside(`kill -KILL ${innocent}`)
  })

  describe('EN-10 a host that says ended and is not', () => {
    const state = '/run/halligan/state'
    test('admits the serial again', async () => {
      const credential = await open()
      await inside(`cp ${state}/admitted/${at.grant} /run/kept; cp ${state}/krl /run/krl`)
      await end()
      expect(await present()).toEqual([])
      await inside(`cp /run/kept ${state}/admitted/${at.grant}`)
      expect(await present()).toEqual(['admission'])
      await inside(`cp /run/krl ${state}/krl`)
      // The attempt to log in is a connection, too.
      expect(await present()).toEqual(
        expect.arrayContaining(['admission', 'revocation', 'login']),
      )
      expect(await at.lab.login(credential)).toBe('deploy\n')
      await end()
      expect(await present()).toEqual([])
    })

    test('says that nobody is admitted, and lets everybody in', async () => {
      const credential = await open()
      const config = '/etc/ssh/sshd_config'
      await inside(`cp ${config} /run/config
        sed -i '/RevokedKeys/d; /AuthorizedPrincipals/d' ${config}
        kill -HUP "$(cat /run/sshd.pid)"`)
      // sshd does not listen for a moment.
      await millisUntil(() =>
        end().then(
          () => true,
          () => false,
        ),
      )
      await millisUntil(async () => (await present().catch(() => [''])).includes('login'))
      expect(await at.lab.login(credential)).toBe('deploy\n')
      const excess = await at.connector.excess?.(labTarget)
      expect(excess?.map(({ words }) => words).join()).toContain('revokedkeys')
      await inside(`cp /run/config ${config}; kill -HUP "$(cat /run/sshd.pid)"`)
      await millisUntil(async () => (await present().catch(() => [''])).length === 0)
    })

    test('has lost its KRL', async () => {
      await open()
      await inside(`rm ${state}/krl`)
      // sshd then refuses every key of the accounts concerned, and of no other: the enforcer still gets in.
      await expect(at.lab.standingRightWorks()).rejects.toThrow()
      expect(await at.connector.lacks?.(labTarget, [])).toContain(
        'web: its KRL is missing or broken: sshd lets nobody in',
      )
      expect(await present()).toContain('revocation')
      await end()
      expect(await present()).toEqual([])
      expect(await at.lab.standingRightWorks()).toBe(true)
    })
  })

  test('INV-8 a grant that has ended at a host is never admitted there again', async () => {
    await open()
    await end()
    await expect(open()).rejects.toThrow('web admits nobody: refused ended')
    await end()
    expect(await present()).toEqual([])
  })

  test('what cannot be done is said, and the rest is done', async () => {
    const session = await at.lab.enter(await open())
    const { state } = at.lab.server
    // Nothing can be written where the KRL is made: as on a disk that is full.
    await inside(`mkdir ${state}/krl.new`)
    await expect(end()).rejects.toThrow(/web: .*not done: krl/)
    await expect(session.ask('id')).rejects.toThrow()
    expect(await present()).toEqual(['revocation'])
    await inside(`rmdir ${state}/krl.new`)
    await end()
    expect(await present()).toEqual([])
    await cleanup()
  })
})
