import ldap from 'ldapjs'
import { Client } from 'ldapts'

export const serve = () =>
  new Promise(resolve => {
    const server = ldap.createServer()
    server.search('o=products', ({ dn }, response, next) => {
      const [a, b] = String(dn).split(/[=,]/)[1].split('x')
      response.send({ dn: String(dn), attributes: { objectclass: ['product'], value: `${a * b}` } })
      response.end()
      return next()
    })
    server.listen(389, '::', () => resolve(() => new Promise(closed => server.close(closed))))
  })
export const answer = '42'
export const ask = async () => {
  const client = new Client({ url: 'ldap://server' })
  const { searchEntries } = await client.search('cn=6x7,o=products', { scope: 'base' })
  await client.unbind()
  return searchEntries[0].value
}
