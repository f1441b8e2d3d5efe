import Proton

let message = try Message(decoding: Message(id: 1, body: "Hello World!").encoded())
print(message.body)
