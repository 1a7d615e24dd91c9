import { describe, expect, test } from 'vitest'
import { verbs } from './acts.ts'
import { openApi } from './openapi.ts'
import type { Route } from './route.ts'
import { pathTo, routes } from './routes.ts'

const all = Object.entries<Route>(routes)

describe('the route table', () => {
  test('names each method and path once', () => {
    const names = all.map(([, { method, path }]) => `${method} ${path}`)
    expect(new Set(names).size).toBe(names.length)
  })

  test.each(all)('WB-11 %s says who may call it', (_, { auth, roles }) => {
    expect(roles.length > 0).toBe(auth === 'session')
  })

  test.each(all)(
    '%s changes something only by a signature inside its body',
    (id, route) => {
      if (route.effect === 'reads') return
      expect(route.method).toBe('POST')
      const byCode = id === 'redeem'
      expect(byCode || !['none', 'session'].includes(route.auth)).toBe(true)
    },
  )

  test.each(all)('%s has a body exactly when it is a POST', (_, { method, body }) => {
    expect(body !== null).toBe(method === 'POST')
  })

  test('AP-28 no route overrides: grants change by the acts alone', () => {
    const entering = all.filter(([, { effect }]) => effect === 'enters').map(([id]) => id)
    const acts = verbs.map((verb) => `act_${verb}`)
    const rest = ['redeem', 'incident_webhook', 'receipt', 'accept_roster']
    expect(entering.sort()).toEqual([...acts, ...rest].sort())
    expect(
      all.filter(([, { path }]) => /\b(?:override|force|import|restore)\b/.test(path)),
    ).toEqual([])
  })

  test('a path is filled in without letting a segment escape', () => {
    expect(pathTo(routes.grant, { grant: 'a/../b' })).toBe('/v1/grants/a%2F..%2Fb')
    expect(() => pathTo(routes.grant, {})).toThrow('needs grant')
  })
})

describe('the OpenAPI text', () => {
  const doc = openApi() as {
    openapi: string
    paths: Record<string, Record<string, { operationId: string }>>
  }

  test('describes every route and no other', () => {
    expect(doc.openapi).toBe('3.1.0')
    const described = Object.values(doc.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    )
    expect(described.sort()).toEqual(all.map(([id]) => id).sort())
  })

  test('is plain JSON, and refuses unknown fields as the schemas do', () => {
    const text = JSON.stringify(doc)
    expect(JSON.parse(text)).toEqual(doc)
    expect(text).toContain('"additionalProperties":false')
  })
})
