/** What ssh says when it cannot connect, or is disconnected. It says so in English, whatever the language of the machine is. */

import { FigaroError, isSystemError, type ErrorCode } from '../../errors.ts';
import { type SftpPlace } from './sftp-place.ts';
import { Unreachable } from './unreachable.ts';

interface Meaning {
  readonly said: RegExp;
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint: (login: string) => string;
}

/** The first one that fits holds: ssh says the reason before its consequences, and that of a jump host before its own. */
const meanings: readonly Meaning[] = [
  {
    said: /REVOKED HOST KEY/,
    code: 'not-permitted',
    text: 'the key of the host is revoked',
    hint: () =>
      'whoever answers there has a key that must not be trusted any more. Ask the administrator of the server.',
  },
  {
    said: /REMOTE HOST IDENTIFICATION HAS CHANGED|HOST IDENTIFICATION.*CHANGED/,
    code: 'not-permitted',
    text: 'THE KEY OF THE HOST HAS CHANGED: another machine may be pretending to be it',
    hint: (login) =>
      `nothing was sent. Ask the administrator of the server whether it has a new key; only then forget the old one with \`ssh-keygen -R\`, and run \`${login}\`.`,
  },
  {
    said: /Host key verification failed|No .* host key is known/,
    code: 'not-permitted',
    text: 'the key of the host is not known here',
    hint: (login) =>
      `run \`${login}\` once as the user that runs backups, compare the fingerprint and accept it, or add what \`ssh-keyscan\` prints to ~/.ssh/known_hosts.`,
  },
  {
    said: /Permission denied \(|Too many authentication failures|No supported authentication methods/,
    code: 'not-permitted',
    text: 'the server accepts none of our keys',
    hint: (login) =>
      `does \`${login}\` get in without asking for anything? A key with a passphrase is used only while an agent holds it (SSH_AUTH_SOCK, \`ssh-add\`).`,
  },
  {
    said: /subsystem request failed/,
    code: 'not-permitted',
    text: 'the server offers no SFTP',
    hint: () => 'it needs a line `Subsystem sftp internal-sftp` in its sshd_config.',
  },
  {
    said: /Unable to negotiate|no matching .* found/,
    code: 'not-permitted',
    text: 'ssh and the server have no algorithm in common',
    hint: () => 'allow one of those that the server offers in ~/.ssh/config, or update the server.',
  },
  {
    said: /Bad configuration option|bad configuration options|Bad owner or permissions|Can't open user config file|unsupported option|keyword .* (?:missing|extra)/i,
    code: 'usage',
    text: 'ssh does not accept its configuration',
    hint: () => 'correct ~/.ssh/config. OpenSSH 7.6 or newer is needed.',
  },
  {
    said: /contains invalid characters|Bad port|No user exists for uid/,
    code: 'usage',
    text: 'ssh cannot connect like that',
    hint: (login) => `does \`${login}\` work?`,
  },
];

/** What ssh says about a network, among what it said before, and what a server may have it print. */
const network =
  /^(?:ssh_dispatch_run_fatal: |client_loop: |Connection |Timeout, |Read from |Received disconnect |mux_client_)/;

/** Why ssh cannot be started. */
export function failureToRun(place: SftpPlace, cause: Error): FigaroError {
  const isMissing = isSystemError(cause) && cause.code === 'ENOENT';
  return new FigaroError(
    'usage',
    `${place.text}: ssh ${isMissing ? 'is not installed' : `cannot be run: ${cause.message}`}`,
    {
      hint: 'install the client of OpenSSH (openssh-client), and see to it that it is in the PATH.',
      cause,
    },
  );
}

/** Why there never was a connection, by all that ssh has said. */
export function failureToConnect(place: SftpPlace, speech: string): FigaroError {
  for (const { said, code, text, hint } of meanings) {
    const line = linesOf(speech).find((one) => said.test(one));
    if (line === undefined) continue;
    const shown = line.replace(/^@\s+|\s+@$/g, '');
    return new FigaroError(code, `${place.text}: ${text} (ssh: ${shown})`, { hint: hint(loginTo(place)) });
  }
  // The last lines: what a command of the configuration says, and what ssh makes of it.
  return unreachable(place, 'no connection', linesOf(speech).slice(-3));
}

/** Why there is no connection any more. All that ssh ends with then is about networks, which come back. */
export function lossOf(place: SftpPlace, speech: string): FigaroError {
  return unreachable(
    place,
    'the connection was lost',
    linesOf(speech)
      .filter((line) => network.test(line))
      .slice(-1),
  );
}

function unreachable(place: SftpPlace, what: string, reasons: readonly string[]): FigaroError {
  const said = reasons.map((line) => line.replace(/^ssh: /, '')).join('; ');
  return new Unreachable(`${place.text}: ${what}${said === '' ? '' : ` (ssh: ${said})`}`);
}

function linesOf(speech: string): string[] {
  return speech.split(/[\r\n]+/).filter((line) => line !== '');
}

/** What one would type to try it. */
function loginTo({ host, user, port }: SftpPlace): string {
  return ['ssh', ...(port === undefined ? [] : [`-p ${port}`]), user === undefined ? host : `${user}@${host}`].join(
    ' ',
  );
}
