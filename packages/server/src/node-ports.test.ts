import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { createNet, isPublic, nodeScheduler } from './node-ports.ts'

describe('WB-07 outgoing requests', () => {
  test.each([
    'http://127.0.0.1/',
    'http://localhost/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://017700000001/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://[::ffff:a00:1]/',
    'http://[64:ff9b::a00:1]/',
    'http://[fe80::1]/',
    'http://10.1.2.3/',
    'http://192.168.0.1/',
    'http://100.64.0.1/',
    'http://0.0.0.0/',
  ])('%s is refused before a byte is sent', async (url) => {
    await expect(createNet().post(url, {}, '{}', 1000)).rejects.toThrow(
      'not a public address',
    )
  })

  test.each(['file:///etc/passwd', 'gopher://example.test/', 'ftp://example.test/'])(
    '%s is refused',
    async (url) => {
      await expect(createNet().post(url, {}, '{}', 1000)).rejects.toThrow('not HTTP')
    },
  )

  test('a password in a URL is refused', async () => {
    const url = 'https://ada:secret@example.test/'
    await expect(createNet().post(url, {}, '', 1000)).rejects.toThrow('password')
  })

  test.each([
    ['93.184.216.34', true],
    ['2606:4700::1111', true],
    ['172.32.0.1', true],
    ['172.31.255.255', false],
    ['fd00::1', false],
    ['not an address', false],
  ])('%s is public: %s', (address, expected) => {
    expect(isPublic(address)).toBe(expected)
  })

  test('an allowed private host is reached, and its redirect is not followed', async () => {
    const paths: string[] = []
    const server = createServer((request, response) => {
      paths.push(request.url ?? '')
      response.writeHead(302, { location: '/internal' }).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const net = createNet(new Set(['127.0.0.1']))
    const answer = await net.post(`http://127.0.0.1:${port}/hook`, {}, '{}', 5000)
    server.close()
    expect(answer).toEqual({ status: 302 })
    expect(paths).toEqual(['/hook'])
  })
})

test('TM-05 a delay of thirty days does not fire at once', async () => {
  let fired = false
  const cancel = nodeScheduler.after(30 * 24 * 3600 * 1000, () => {
    fired = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  await new Promise((resolve) => setTimeout(resolve, 5))
  cancel()
  expect(fired).toBe(false)
})
