import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  answer,
  ldapCase,
  openedCases,
  readMessage,
  referral,
  tags,
} from '../../test/ldap-case.ts'
import { dns, type LdapLab, openLdapLab } from '../../test/ldap-lab.ts'
import { describeAt } from '../../test/real-server.ts'
import type { Verdict } from '../../test/tcp-proxy.ts'
import { TargetTaken } from './port.ts'

describeAt('OpenLDAP', () => {
  let lab: LdapLab
  beforeAll(async () => {
    lab = await openLdapLab()
  })
  afterAll(() => lab.remove())
  const opened = openedCases()
  afterEach(() => lab.proxy.release())

  const onSearch =
    (verdict: (id: number) => Verdict) =>
    (bytes: Buffer): Verdict => {
      const message = readMessage(bytes)
      return message?.tag === tags.search ? verdict(message.id) : 'pass'
    }
  const answering = (code: number) => onSearch((id) => answer(id, tags.searched, code))

  test('INV-10 a grant that neither its note nor the settings tell of is not called absent', async () => {
    const led = await opened(ldapCase(lab))
    await led.apply()
    led.books.shelf.put(led.grant, lab.target, 'damaged')
    led.books.become(led.grant, 'ending')
    const changed = { accounts: { bob: dns.person('bob') } }
    const { connector } = ldapCase(lab, { books: led.books, changed })
    await expect(connector.end(led.grant, lab.target)).rejects.toThrow('is not known')
    const probed = connector.probeAbsent(led.grant, lab.target)
    await expect(probed).rejects.toThrow('is not known')
    expect(await lab.members('repair')).toContain(dns.person('ada'))
    await led.finish()
    expect(await lab.members('repair')).not.toContain(dns.person('ada'))
  })

  test.each([
    ['busy', answering(51)],
    ['unavailable', answering(52)],
    ['a time limit', answering(3)],
    ['a size limit', answering(4)],
    ['an administrative limit', answering(11)],
    ['insufficient access', answering(50)],
    ['a referral as a result', answering(10)],
    ['a reference among the results', onSearch(referral)],
    ['another protocol', onSearch(() => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))],
    ['an answer to nothing', onSearch((id) => answer(id + 1000, tags.searched, 0))],
    ['half an answer', onSearch((id) => answer(id, tags.searched, 0).subarray(0, 6))],
    ['silence', onSearch(() => 'hold')],
  ])(
    'C-04 a directory that answers a search with %s shows no absence',
    async (_, judge) => {
      for (const privileges of [['group:repair'], ['entry:repair']]) {
        const led = await opened(ldapCase(lab, { privileges }))
        await led.apply()
        lab.proxy.intercept(judge)
        await expect(led.connector.probeAbsent(led.grant, lab.target)).rejects.toThrow()
        lab.proxy.release()
        expect(await led.present()).not.toEqual([])
        await led.finish()
        await led.connector.close()
      }
    },
  )

  test('C-04 a search that is shown nothing is no absence where members cannot be seen', async () => {
    const changed = { container: undefined, entries: {} }
    const led = await opened(ldapCase(lab, { changed }))
    await led.apply()
    lab.proxy.intercept(answering(0))
    await expect(led.connector.probeAbsent(led.grant, lab.target)).rejects.toThrow(
      'not shown',
    )
    lab.proxy.release()
    await led.finish()
  })

  test('a connection that is lost is not opened again as nobody', async () => {
    const led = await opened(ldapCase(lab))
    await led.apply()
    lab.proxy.intercept(
      onSearch(() => {
        setImmediate(() => lab.proxy.cut())
        return 'hold'
      }),
    )
    await expect(led.connector.probeAbsent(led.grant, lab.target)).rejects.toThrow()
    lab.proxy.release()
    expect(await led.present()).toEqual(['member'])
    await led.finish()
  })

  test('EN-10 a directory that answers an ending with OK and keeps the member is not believed', async () => {
    const led = await opened(ldapCase(lab))
    await led.apply()
    lab.proxy.intercept((bytes) => {
      const message = readMessage(bytes)
      const isLie = message?.tag === tags.modify && bytes.includes(dns.group('repair'))
      return isLie ? answer(message.id, tags.modified, 0) : 'pass'
    })
    await led.end()
    expect(await led.present()).toEqual(['member'])
    lab.proxy.release()
    await led.finish()
  })

  test('C-07 a credential that was changed at the directory is told, and where the new one goes', async () => {
    const led = await opened(ldapCase(lab))
    await led.apply()
    const changed = { password: { env: 'HALLIGAN_TEST_LDAP_OLD' } }
    process.env.HALLIGAN_TEST_LDAP_OLD = 'another'
    const stale = lab.connector(led.books, changed)
    await expect(stale.end(led.grant, lab.target)).rejects.toThrow('HALLIGAN_TEST_LDAP_OLD')
    delete process.env.HALLIGAN_TEST_LDAP_OLD
    await led.finish()
  })

  test('INV-11 an enforcer that was frozen while another took over opens nothing', async () => {
    const frozen = await opened(ldapCase(lab))
    const isOpening = (bytes: Buffer) =>
      readMessage(bytes)?.tag === tags.modify &&
      bytes.includes(dns.group('repair')) &&
      bytes.includes(dns.person('ada'))
    const frozenHere = new Promise<void>((done) => {
      let isFrozen = false
      lab.proxy.intercept((bytes) => {
        isFrozen ||= isOpening(bytes)
        if (isFrozen) done()
        return isFrozen ? 'hold' : 'pass'
      })
    })
    const late = frozen.apply()
    late.catch(() => undefined)
    await frozenHere
    const { connector: successor } = await opened({
      connector: lab.connector(frozen.books, { url: lab.server.url }),
    })
    frozen.books.become(frozen.grant, 'ending')
    await successor.end(frozen.grant, lab.target)
    expect(await successor.probeAbsent(frozen.grant, lab.target)).toEqual(
      expect.arrayContaining([expect.objectContaining({ probe: 'member', absent: true })]),
    )
    lab.proxy.release()
    await expect(late).rejects.toThrow(TargetTaken)
    expect(await lab.members('repair')).not.toContain(dns.person('ada'))
  })

  test('INV-11 an entry of a frozen enforcer gets no password once another has ended it', async () => {
    const frozen = await opened(ldapCase(lab, { privileges: ['entry:repair'] }))
    const frozenHere = new Promise<void>((done) => {
      let isFrozen = false
      lab.proxy.intercept((bytes) => {
        isFrozen ||= readMessage(bytes)?.tag === tags.modify && bytes.includes('{SSHA}')
        if (isFrozen) done()
        return isFrozen ? 'hold' : 'pass'
      })
    })
    const late = frozen.apply()
    late.catch(() => undefined)
    await frozenHere
    const { connector: successor } = await opened({
      connector: lab.connector(frozen.books, { url: lab.server.url }),
    })
    await successor.end(frozen.grant, lab.target)
    lab.proxy.release()
    await expect(late).rejects.toThrow()
    expect(await successor.standing(lab.target)).not.toContain(frozen.grant)
  })

  test('INV-11 what an opening may still do is undone before an ending is believed', async () => {
    const led = await opened(ldapCase(lab))
    lab.proxy.intercept((bytes) =>
      readMessage(bytes)?.tag === tags.modify && bytes.includes(dns.person('ada'))
        ? 'hold'
        : 'pass',
    )
    await expect(led.apply()).rejects.toThrow('timed out')
    lab.proxy.intercept(null)
    await led.end()
    lab.proxy.release()
    expect(await led.present()).toEqual([])
    expect(await lab.members('repair')).not.toContain(dns.person('ada'))
  })
})
