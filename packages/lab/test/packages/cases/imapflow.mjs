import { ImapFlow } from 'imapflow'
import { lineServer } from '../servers/listening.mjs'

/** IMAP (RFC 3501) with mailboxes `AxB`, each with as many messages. */
const answerTo = line => {
  const [tag, command, mailbox] = line.replaceAll('"', '').split(' ')
  const [a, b] = (mailbox ?? '').split('x')
  const data = {
    CAPABILITY: '* CAPABILITY IMAP4rev1\r\n',
    LIST: '* LIST () "/" ""\r\n',
    STATUS: `* STATUS ${mailbox} (MESSAGES ${a * b})\r\n`,
    LOGOUT: '* BYE\r\n',
  }
  return `${data[command] ?? ''}${tag} OK done\r\n`
}
export const serve = () => lineServer(143, answerTo, '* OK ready\r\n')
export const answer = 42
export const ask = async () => {
  const auth = { user: 'user', pass: 'password' }
  const client = new ImapFlow({ host: 'server', port: 143, secure: false, auth, logger: false })
  await client.connect()
  const { messages } = await client.status('6x7', { messages: true })
  await client.logout()
  return messages
}
