import Proton

print("Hello World!")
