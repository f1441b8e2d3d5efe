// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import ArgumentParser
import Glibc

/// `amqp context`.
package struct ContextCommand: ParsableCommand, Sendable {
    package static let configuration = CommandConfiguration(
        commandName: "context", abstract: "Name brokers, so that --context NAME is all that has to be written.",
        discussion: """
            Contexts are in the file amqp/contexts of XDG_CONFIG_HOME, or of ~/.config, which only its owner can read.

            EXAMPLES:
              amqp context add test --url amqps://broker.example --user me --password-command 'pass show amqp' --select
              amqp send examples hello --context test
            """,
        subcommands: [Add.self, List.self, Show.self, Select.self, Remove.self], defaultSubcommand: List.self)

    package init() {}

    /// The file, where there is a home.
    fileprivate static func store() throws -> ContextStore {
        guard let path = ToolEnvironment.current.contextFile else {
            throw ToolError(.failure, "There is no place for contexts: set HOME or XDG_CONFIG_HOME.")
        }
        return ContextStore(path: path)
    }

    /// The name of a context that is there.
    struct Name: ParsableArguments, Sendable {
        @Argument(
            help: "The name of the context.", completion: .custom { _, _, _ in ContextStore.namesForCompletion() })
        var name: String
    }

    struct List: ParsableCommand, Sendable {
        static let configuration = CommandConfiguration(
            abstract: "List the contexts; * is the selected one.", aliases: ["ls"])

        func run() throws {
            let contexts = try store().read()
            for (name, context) in contexts.contexts.sorted(by: { $0.key < $1.key }) {
                let mark = name == contexts.selected ? "*" : " "
                let words = ["\(mark) \(name)", context.shownURL] + (context.description.map { [$0] } ?? [])
                try StandardOutput.writeLine(words.joined(separator: "\t").escapedLines)
            }
        }
    }

    struct Show: ParsableCommand, Sendable {
        static let configuration = CommandConfiguration(abstract: "Show a context, without a password.")

        @OptionGroup var name: Name

        func run() throws {
            let context = try store().read().context(name.name)
            for (key, value) in context.shown { try StandardOutput.writeLine("\(key): \(value)".escapedForTerminal()) }
        }
    }

    struct Select: ParsableCommand, Sendable {
        static let configuration = CommandConfiguration(
            abstract: "Select the context for commands that name no broker.")

        @Argument(
            help: "The name of the context.", completion: .custom { _, _, _ in ContextStore.namesForCompletion() })
        var name: String?

        @Flag(help: "Select none.")
        var none = false

        func validate() throws {
            if (name != nil) == none { throw ValidationError("Name a context, or give --none.") }
        }

        func run() throws {
            try store().change { contexts in
                if let name { _ = try contexts.context(name) }
                contexts.selected = name
            }
        }
    }

    struct Remove: ParsableCommand, Sendable {
        static let configuration = CommandConfiguration(abstract: "Remove a context.", aliases: ["rm"])

        @OptionGroup var name: Name

        func run() throws {
            try store().change { contexts in
                _ = try contexts.context(name.name)
                contexts.contexts[name.name] = nil
                if contexts.selected == name.name { contexts.selected = nil }
            }
        }
    }

    struct Add: ParsableCommand, Sendable {
        static let configuration = CommandConfiguration(
            abstract: "Add a context.",
            discussion: "A password in --url is kept in the file; better are --password-file and --password-command.")

        @Argument(help: "The name of the context.")
        var name: String

        @Option(help: ArgumentHelp("Where the broker is.", valueName: "url"))
        var url: String

        @Option(help: ArgumentHelp("The user to log in as.", valueName: "name"))
        var user: String?

        @Option(
            help: ArgumentHelp("A file whose first line is the password.", valueName: "file"), completion: .file())
        var passwordFile: String?

        @Option(
            help: ArgumentHelp("A command of the shell that prints the password.", valueName: "command"),
            completion: .shellCommand(""))
        var passwordCommand: String?

        @Option(help: ArgumentHelp("Trust these authorities too.", valueName: "file"), completion: .file())
        var ca: String?

        @Option(help: ArgumentHelp("The certificate to show.", valueName: "file"), completion: .file())
        var cert: String?

        @Option(help: ArgumentHelp("The key of the certificate.", valueName: "file"), completion: .file())
        var key: String?

        @Flag(help: "Do not verify the broker's certificate.")
        var insecure = false

        @Option(help: ArgumentHelp("The virtual host.", valueName: "name"))
        var virtualHost: String?

        @Option(
            help: ArgumentHelp("What is put before each address, such as /queues/ for RabbitMQ 4.", valueName: "text"))
        var prefix: String?

        @Option(help: ArgumentHelp("What the context is for.", valueName: "text"))
        var description: String?

        @Flag(help: "Select the context.")
        var select = false

        @Flag(name: .shortAndLong, help: "Replace a context of this name.")
        var force = false

        func validate() throws {
            guard !name.isEmpty, name.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7f }) else {
                throw ValidationError("A context's name has no blanks and no control characters.")
            }
            if passwordFile != nil, passwordCommand != nil {
                throw ValidationError("--password-file or --password-command: there is one password.")
            }
            if key != nil, cert == nil {
                throw ValidationError("--key is the key of a certificate: give --cert too.")
            }
        }

        func run() throws {
            _ = try BrokerSettings.parseArgument(url, "--url")
            var context = ToolContext(url: url)
            (context.user, context.passwordCommand) = (user, passwordCommand)
            context.passwordFile = passwordFile.map(absolute)
            (context.ca, context.cert, context.key) = (ca.map(absolute), cert.map(absolute), key.map(absolute))
            context.insecure = insecure ? true : nil
            (context.virtualHost, context.prefix, context.description) = (virtualHost, prefix, description)
            try store().change { contexts in
                guard force || contexts.contexts[name] == nil else {
                    throw ToolError(.failure, "There is a context '\(name)': --force replaces it.")
                }
                contexts.contexts[name] = context
                if select { contexts.selected = name }
            }
        }

        /// The context is used from other folders too.
        private func absolute(_ path: String) -> String {
            guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
            defer { free(folder) }
            return "\(String(cString: folder))/\(path)"
        }
    }
}
