import nodemailer from 'nodemailer'
import { smtpServer } from '../servers/smtp.mjs'

export const serve = smtpServer
export const answer = '250 product 42'
export const ask = async () => {
  const transport = nodemailer.createTransport({ host: 'server', port: 25, ignoreTLS: true })
  const { response } = await transport.sendMail({
    from: 'a@client',
    to: 'b@server',
    text: '6 times 7',
  })
  transport.close()
  return response
}
