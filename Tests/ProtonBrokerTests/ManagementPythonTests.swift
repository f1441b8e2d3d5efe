// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonBroker
import TestPrograms
import Testing

/// Requests of the working draft by the Python binding, to the management node.
struct ManagementPythonTests {
    @Test func theBindingManagesQueues() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let program = try TestProgram(["/usr/bin/python3", "-u", "-c", ManagementPythonTests.program, broker.address])
        #expect(
            try program.readToGoodEnd() == """
                201 Created 100
                409
                200 ['orders'] 1
                200 2
                204 No Content
                404
                400 The application property 'operation' is missing.
                200 True

                """)
        #expect(broker.status.queue("orders") == nil)
    }

    /// Asks over a link whose responses come to a node that the broker makes, and once over a link from the node.
    private static let program = """
        import sys
        from proton import Message
        from proton.utils import BlockingConnection, SyncRequestResponse

        connection = BlockingConnection(sys.argv[1], timeout=20)
        client = SyncRequestResponse(connection, '$management')

        def ask(operation, body=None, **properties):
            if operation is not None:
                properties['operation'] = operation
            response = client.call(Message(body=body, properties=properties))
            return int(response.properties['statusCode']), response.properties['statusDescription'], response

        queue = dict(type='proton.broker.queue', name='orders')
        code, text, response = ask('CREATE', {'maxMessages': 100}, **queue)
        print(code, text, int(response.body['maxMessages']))
        print(ask('CREATE', {}, **queue)[0])
        sender = connection.create_sender('orders')
        sender.send(Message('a'))
        sender.send(Message('b'))
        code, _, response = ask('QUERY', {'attributeNames': ['name', 'waiting']}, type='org.amqp.management', name='self',
                                entityType='proton.broker.queue')
        names = [row[0] for row in response.body['results'] if row[1] == 2]
        print(code, names, len([row for row in response.body['results'] if row[0] == 'orders']))
        code, _, response = ask('PURGE', **queue)
        print(code, int(response.body['messages']))
        sender.close()
        print(*ask('DELETE', **queue)[:2])
        print(ask('READ', **queue)[0])
        print(*ask(None, **queue)[:2])

        receiver = connection.create_receiver('$management', credit=1, name='responses')
        requests = connection.create_sender('$management', name='requests')
        requests.send(Message(id=1, reply_to='$management', properties={'operation': 'GET-OPERATIONS'}))
        response = receiver.receive(timeout=20)
        print(int(response.properties['statusCode']), 'PURGE' in response.body['proton.broker.queue'])
        receiver.close()
        connection.close()
        """
}
