import { EINVAL, VnetError } from '../core/errno.ts'

/** What a request asks for makes no sense, or cannot be, and one of its attributes is to blame: the client is told which, and where. */
export class Refusal extends VnetError {
  /** Its type. */
  readonly attribute: number

  constructor(errno: number, attribute: number, text: string) {
    super(errno, 'vnet_nl', text)
    this.attribute = attribute
  }
}

/** An attribute that must be there is not: EINVAL. */
export class MissingAttribute extends Refusal {
  constructor(attribute: number, text: string) {
    super(EINVAL, attribute, text)
  }
}
