// TLS for RTMPS: a certificate and its key, read again when their files have changed, so that a
// renewed certificate needs no restart.

import Glibc
import NIOSSL

final class RTMPSecurity: @unchecked Sendable {
    // Unchecked: used on the servers' only loop once it is made.
    let files: RTMPAddress.Certificate
    private var context: NIOSSLContext
    private var stamp: Stamp

    private struct Stamp: Equatable {
        var certificate: Int64
        var key: Int64
    }

    init(_ files: RTMPAddress.Certificate) throws(IOFailure) {
        self.files = files
        stamp = RTMPSecurity.stamp(of: files)
        context = try RTMPSecurity.context(files)
    }

    /// For the next connection.
    func handler() -> NIOSSLServerHandler {
        let now = RTMPSecurity.stamp(of: files)
        // A file that is just being written is taken when it is whole.
        if now != stamp, let renewed = try? RTMPSecurity.context(files) {
            context = renewed
            stamp = now
        }
        return NIOSSLServerHandler(context: context)
    }

    private static func context(
        _ files: RTMPAddress.Certificate
    ) throws(IOFailure) -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(files.certificate)
            let key = try NIOSSLPrivateKey(file: files.key, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw IOFailure(
                "certificate '\(files.certificate)', key '\(files.key)': found \(error); allowed: "
                    + "two PEM files that belong together")
        }
    }

    private static func stamp(of files: RTMPAddress.Certificate) -> Stamp {
        func changed(_ path: String) -> Int64 {
            var facts = stat()
            guard stat(path, &facts) == 0 else { return 0 }
            return Int64(facts.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(facts.st_mtim.tv_nsec)
        }
        return Stamp(certificate: changed(files.certificate), key: changed(files.key))
    }
}
