/** How S3 is spoken to: where it is, with which keys, and for how long it may be silent. */

import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { FigaroError } from '../../errors.ts';
import { type StoreSettings } from './store-settings.ts';

/** Time for a connection to come about, names and handshakes included. */
const connectMs = 15_000;
/** What is written may have to reach several disks before there is an answer. */
const defaultStallMs = 90_000;
/** What is in the middle of nowhere is called this in the world of S3. */
const defaultRegion = 'us-east-1';

const silent = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };

/**
 * A client that sends each request once: trying again is for those who know what was done. The keys, the region and the endpoint are those of
 * `env`, or else those that AWS's tools would find: in ~/.aws, from the machine, by single sign-on. What is looked for in files
 * is that of the variables of this process. Throws `usage` for an endpoint that is no URL.
 */
export async function openClient(settings: StoreSettings): Promise<S3Client> {
  const { env } = settings;
  // It would warn on stderr of versions of Node.js, and cron would mail that.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const common: S3ClientConfig = {
    // Checksums of its own, sent after a stream, are not understood by other stores than Amazon's.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
    logger: silent,
    // It would take a connection of its own for each part.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: Math.min(connectMs, settings.stallMs ?? connectMs),
      socketTimeout: settings.stallMs ?? defaultStallMs,
    },
    ...credentialsOf(env),
  };
  const found = new S3Client(common).config;
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'] ?? (await found.region().catch(() => defaultRegion));
  const endpoint = endpointIn(env) ?? (await found.serviceConfiguredEndpoint?.());
  if (endpoint === undefined) {
    const { forcePathStyle = false } = settings;
    return new S3Client({ ...common, region, forcePathStyle, followRegionRedirects: true });
  }
  requireEndpoint(endpoint);
  return new S3Client({ ...common, region, endpoint, forcePathStyle: settings.forcePathStyle ?? true });
}

/** As AWS's tools do, a profile that is named comes before keys. */
function credentialsOf(env: StoreSettings['env']): S3ClientConfig {
  if (env['AWS_PROFILE']) return { profile: env['AWS_PROFILE'] };
  const accessKeyId = env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'];
  if (!accessKeyId || !secretAccessKey) return {};
  const sessionToken = env['AWS_SESSION_TOKEN'];
  return { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } };
}

function endpointIn(env: StoreSettings['env']): string | undefined {
  if (env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return undefined;
  return env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined;
}

function requireEndpoint(endpoint: string): void {
  if (URL.canParse(endpoint) && /^https?:$/.test(new URL(endpoint).protocol)) return;
  // It is not shown: what is not a URL may be anything.
  throw new FigaroError('usage', 'the endpoint of S3 (AWS_ENDPOINT_URL) is not the URL of a server', {
    hint: 'write it as https://s3.example.com or http://127.0.0.1:9000.',
  });
}
