/** What is wrong with a certificate or a handshake, in words. */

const WORDS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself, not by this CA",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is of another CA",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate is of another CA",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is of another CA",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is of another CA",
  CERT_SIGNATURE_FAILURE: "its certificate is of another CA",
  INVALID_PURPOSE: "its certificate is not for hosts",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  ERR_TLS_HANDSHAKE_TIMEOUT: "it did not finish its handshake in time",
  ERR_SSL_UNSUPPORTED_PROTOCOL: "it does not speak TLS 1.3",
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: "it does not speak TLS 1.3",
  ERR_SSL_HTTP_REQUEST: "it speaks plain HTTP, not TLS",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not speak TLS",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "it does not believe our CA",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "it finds our certificate expired",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "it finds our certificate bad",
  EPROTO: "it and we do not agree on TLS 1.3",
  ECONNRESET: "it left in the middle of its handshake",
};

/** True for failures that a certificate or the protocol is the reason of, not the network. */
export function isRefusal(code: string | undefined): boolean {
  return (
    code !== undefined && code !== "ECONNRESET" && (code in WORDS || /^ERR_(SSL|TLS)_/.test(code))
  );
}

/** A failed handshake or an untrusted certificate. */
export function describeRefusal(error: NodeJS.ErrnoException): string {
  return (error.code !== undefined && WORDS[error.code]) || error.message;
}
