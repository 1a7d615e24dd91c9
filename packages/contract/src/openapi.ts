import { z } from 'zod'
import { problem, problemMedia } from './problem.ts'
import type { Auth, Route } from './route.ts'
import { routes } from './routes.ts'

type Doc = Readonly<Record<string, unknown>>

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Doc => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

/** OpenAPI 3.1 of the route table: what the server serves, no more and no less. */
export function openApi(): Doc {
  const paths: Record<string, Record<string, Doc>> = {}
  for (const [id, route] of Object.entries<Route>(routes)) {
    const path = route.path.replace(/:([a-z]+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(id, route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Halligan',
      version: '1',
      description:
        'Emergency access. A session only reads; whatever changes anything is a signed act inside a body.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      schemas: { Problem: schemaOf(problem, 'output') },
      securitySchemes: {
        session: { type: 'http', scheme: 'bearer', description: 'Reads only.' },
      },
    },
  }
}

function operation(id: string, route: Route): Doc {
  return {
    operationId: id,
    summary: route.summary,
    description: `${authText[route.auth]} ${effectText[route.effect]}`,
    security: route.auth === 'session' ? [{ session: [] }] : [],
    parameters: [...pathParameters(route), ...queryParameters(route), ...keyHeader(route)],
    ...(route.body === null
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemaOf(route.body, 'input') } },
          },
        }),
    responses: {
      200: {
        description: 'Done, and durable where anything was entered.',
        content: { [route.media]: { schema: schemaOf(route.response, 'output') } },
      },
      default: {
        description: 'A refusal, with a stable `code`.',
        content: { [problemMedia]: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  }
}

const authText: Record<Auth, string> = {
  none: 'Open to all.',
  session: 'Needs a session.',
  act: 'Authorised by the signed act in the body.',
  trustees: 'Authorised by the trustees whose signatures the body holds.',
  enforcer: "Authorised by the enforcer's signature in the body.",
  webhook: "Authorised by the source's signature over the body.",
}

const effectText: Record<Route['effect'], string> = {
  reads: 'Changes nothing.',
  enters: 'Success is at least one entry of the ledger.',
}

const pathParameters = (route: Route): readonly Doc[] =>
  [...route.path.matchAll(/:([a-z]+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))

function queryParameters({ query }: Route): readonly Doc[] {
  if (query === null) return []
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    properties?: Record<string, Doc>
    required?: readonly string[]
  }
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}

const keyHeader = (route: Route): readonly Doc[] =>
  route.auth === 'act'
    ? [
        {
          name: 'Idempotency-Key',
          in: 'header',
          required: false,
          description:
            "The act's digest, which is its idempotency key with or without this.",
          schema: { type: 'string' },
        },
      ]
    : []
