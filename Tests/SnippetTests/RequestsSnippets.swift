// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of Requests.md, compiled: each as it is in the article, in what it needs around it.
enum RequestsSnippets {
    struct SendARequest {
        func price(of article: String, by connection: AMQPConnection) async throws -> String? {
            let response = try await connection.request(Message(body: article), to: "prices", timeout: .seconds(5))
            return response.body.value.stringValue
        }
    }

    struct NameTheQueueForTheResponses {
        func priceByQueue(of article: String, by connection: AMQPConnection) async throws -> Message {
            let (prices, mine) = (RabbitMQAddress.queue("prices"), RabbitMQAddress.queue("prices-for-me"))
            return try await connection.request(Message(body: article), to: prices, replyTo: mine)
        }
    }

    struct AnswerRequests {
        func answer(on connection: AMQPConnection) async throws {
            try await connection.serve("prices", concurrency: 8) { request in
                guard let article = request.body.value.stringValue else {
                    return Message(body: "The name of an article is a string.", subject: "error")
                }
                return Message(body: "\(article.count)")
            }
        }
    }

    struct AnswerRequestsWithoutABroker {
        func serveDirectly() async throws {
            try await AMQPServer("0.0.0.0:5672").withListener { listener in
                await listener.serve("upper") { request in Message(body: "\(request.body)".uppercased()) }
            }
        }
    }

    struct ServeLinksOfYourOwn {
        struct Server {
            func run(_ options: ConnectionOptions) async throws {
                try await AMQPServer("0.0.0.0:5672", options: options).withListener { listener in
                    await withDiscardingTaskGroup { group in
                        for await request in listener {
                            group.addTask {
                                // It throws where the peer has gone away meanwhile.
                                if let connection = try? await request.accept() { await serve(connection) }
                            }
                        }
                    }
                }
            }

            private func serve(_ connection: AMQPConnection) async {
                for await link in connection.linkRequests {
                    switch link {
                    case .sender(let request) where request.address == "orders":
                        if let receiver = try? request.accept() { take(receiver) }
                    case .receiver(let request) where request.address == "news":
                        if let sender = try? request.accept() { publish(sender) }
                    default:
                        link.refuse(Condition(.notFound))
                    }
                }
            }

            private func take(_ receiver: AMQPReceiver) {}
            private func publish(_ sender: AMQPSender) {}
        }
    }
}
