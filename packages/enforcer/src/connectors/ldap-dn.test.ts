import type { GrantId } from '@halligan/core'
import { describe, expect, test } from 'vitest'
import { dnKey, dnOfGrant, grantAt, isDn, isWithin, rdnOf, sameDn } from './ldap-dn.ts'

const container = 'ou=grants,dc=example,dc=org'
const grant = 'g-aaaaaaaaaaaaaaaaaaaaaaaaaa' as GrantId

describe('a DN', () => {
  test.each([
    ['uid=ada,ou=people,dc=example,dc=org'],
    ['cn=Smith\\, John,dc=example'],
    ['cn=Smith\\2C John,dc=example'],
    ['cn=a\\+b+uid=x,dc=example'],
    ['cn=\\#1,dc=example'],
    ['cn=Lučić,dc=example'],
    ['2.5.4.3=x,dc=example'],
  ])('%s is one', (dn) => {
    expect(isDn(dn)).toBe(true)
  })

  test.each([
    [''],
    ['ada'],
    ['cn='],
    ['cn=a,'],
    ['cn=a\0b,dc=example'],
    ['cn=a\\00b,dc=example'],
    ['cn="a",dc=example'],
    ['cn=a;dc=example'],
    ['cn=a\\'],
    ['cn=a\\g'],
    ['cn=<a>'],
    ['=a'],
    ['c n=a'],
  ])('%j is none', (dn) => {
    expect(isDn(dn)).toBe(false)
  })

  test.each([
    ['UID=Ada,OU=People', 'uid=ada,ou=people'],
    ['uid=ada, ou=people', 'uid=ada,ou=people'],
    ['cn=a\\,b,dc=x', 'cn=a\\2cb,dc=x'],
    ['cn=a+uid=b,dc=x', 'uid=b+cn=a,dc=x'],
    ['cn=a  b,dc=x', 'cn=a b,dc=x'],
  ])('%s is %s', (one, other) => {
    expect(sameDn(one, other)).toBe(true)
  })

  test.each([
    ['cn=a\\,ou=b,dc=x', 'cn=a,ou=b,dc=x'],
    ['cn=a\\+uid=b,dc=x', 'cn=a+uid=b,dc=x'],
    ['cn=a\\\\,dc=x', 'cn=a,dc=x'],
  ])('%s is not %s', (one, other) => {
    expect(dnKey(one)).not.toBe(dnKey(other))
  })

  test('is within another by its last names, however they are escaped', () => {
    expect(isWithin(`uid=x,${container}`, container)).toBe(true)
    expect(isWithin('uid=x\\,ou=grants,dc=example,dc=org', container)).toBe(false)
    expect(isWithin(container, `uid=x,${container}`)).toBe(false)
  })

  test('has a name of its own', () => {
    expect(rdnOf('cn=Smith\\2C John,dc=x')).toEqual({
      attribute: 'cn',
      value: 'Smith, John',
    })
    expect(rdnOf('cn=a+uid=b,dc=x')).toBe(null)
  })
})

describe('the entry of a grant', () => {
  test('is known by its DN, directly in the container alone', () => {
    const dn = dnOfGrant(grant, container)
    expect(grantAt(dn, container)).toBe(grant)
    expect(
      grantAt(dn.toUpperCase().replace('UID=HALLIGAN-G-', 'uid=halligan-g-'), container),
    ).toBe(grant)
    expect(grantAt(`cn=below,${dn}`, container)).toBe(null)
    expect(grantAt(dn, 'dc=example,dc=org')).toBe(null)
    expect(grantAt(`uid=halligan-g-x,${container}`, container)).toBe(null)
    expect(grantAt(`uid=ada,${container}`, container)).toBe(null)
  })
})
